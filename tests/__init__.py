"""The tests of rigwatch: unit, integration, end to end, browser; the modules beside this file are shared by them."""
