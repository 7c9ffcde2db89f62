"""Built-in strategies over bars, packaged exactly as a third party would ship them."""
