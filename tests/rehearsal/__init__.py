"""One whole inspection with real browsers: a numbered camera, the pages as people use them, the evidence measured."""
