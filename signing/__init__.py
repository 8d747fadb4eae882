"""The report, its PDF, the keys and signatures of every party, time stamps and verdicts."""

from signing import der

der.install()
