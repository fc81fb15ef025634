"""The load path: Locust drives, our engine sends and checks every answer."""
