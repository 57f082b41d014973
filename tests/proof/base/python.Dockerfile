# In the place of python:3.11-slim: Debian's Python under the names that the official image has.
FROM debian:bookworm
RUN apt-get update -qq && apt-get install -qq --yes --no-install-recommends python3 python3-pip \
    && ln -s python3 /usr/bin/python && rm -f /usr/lib/python3*/EXTERNALLY-MANAGED
# Packages come from where this machine has them, and the world that Valet is to find itself in is believed.
COPY trusted.pem pip.conf /etc/
COPY world.crt /usr/local/share/ca-certificates/world.crt
RUN update-ca-certificates
