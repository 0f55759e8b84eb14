"""How a viewer wants the pages, `/display`: language, time zone, colours. Kept by the browser, in cookies."""
