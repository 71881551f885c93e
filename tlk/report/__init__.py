"""Reports and figures: from plain data to HTML, PNG and SVG."""
