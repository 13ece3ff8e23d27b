"""The device API of Eclipse hawkBit (DDI): devices ask over HTTP, and are updated by the same jobs and tasks."""
