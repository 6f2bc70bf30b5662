"""Reports as one HTML file. Jinja2, markdown-it and Plotly are imported here only."""
