"""leaderd: one leader per Elastic Beanstalk environment, asked with curl."""

__version__ = "0.1.0"
