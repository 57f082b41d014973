# In the place of certbot's own image.
FROM debian:testing
RUN apt-get update -qq && apt-get install -qq --yes --no-install-recommends certbot
