"""One whole inspection with real browsers: a camera that numbers its frames, the pages as people use them, the evidence measured."""
