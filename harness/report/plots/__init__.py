"""Charts as inline SVG: pure functions from values to markup, styled by the page's own style sheet."""
