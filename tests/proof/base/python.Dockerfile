# In the place of python:3.11-slim: Debian's Python under the names that the official image has.
FROM debian:bookworm
RUN apt-get update -qq && apt-get install -qq --yes --no-install-recommends python3 python3-pip \
    && ln -s python3 /usr/bin/python && rm -f /usr/lib/python3*/EXTERNALLY-MANAGED
# What this machine trusts when it installs packages, and the authority of the world that Valet is to find itself in.
COPY trusted.pem /etc/trusted.pem
RUN printf '[global]\ncert = /etc/trusted.pem\n' >/etc/pip.conf
COPY world.crt /usr/local/share/ca-certificates/world.crt
RUN update-ca-certificates
