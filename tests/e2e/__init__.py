"""Tests of the whole: real processes from the publisher to the page, as people install and start them."""
