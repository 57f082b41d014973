# In the place of nginx's own image: its user, and netcat, which Alpine has in its shell.
FROM debian:testing
RUN groupadd --system --gid 101 nginx && useradd --system --gid 101 --uid 101 --home-dir /nonexistent nginx
RUN apt-get update -qq && apt-get install -qq --yes --no-install-recommends nginx netcat-openbsd
