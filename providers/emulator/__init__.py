"""A double of the upstreams, speaking their real wire for the demo and the tests.

This room owns a small living world: the upstreams listed in `upstreams`, each with its people, its OAuth
and its API; and a control surface under `/_control/` to bend them: expire, revoke, delay, break.
`https://host/path` of the world is `<origin>/host/path` here.
It refuses what the real upstream refuses, imports nothing of ours, and holds nothing that is real: every
client id begins with `emulator-`, every token is a recognisable canary.
"""
