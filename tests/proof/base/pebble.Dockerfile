# Let's Encrypt's small ACME server for tests.
FROM debian:testing
RUN apt-get update -qq && apt-get install -qq --yes --no-install-recommends pebble
