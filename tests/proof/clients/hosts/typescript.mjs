// A chat program on the TypeScript SDK:  node typescript.mjs NODE_MODULES (client|sdk) URL STORE MODE
// `client` is @modelcontextprotocol/client, where MODE is legacy or auto; `sdk` is the older @modelcontextprotocol/sdk.
// Lines of JSON in, lines of JSON out: {id, method, params} and {id, result} or {id, error}.
import { execFileSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const [modules, flavour, url, store, mode] = process.argv.slice(2);
const load = createRequire(`${modules}/`);
const { Client, StreamableHTTPClientTransport, UnauthorizedError, discoverOAuthServerInfo } =
  flavour === "client"
    ? load("@modelcontextprotocol/client")
    : {
        ...load("@modelcontextprotocol/sdk/client/index.js"),
        ...load("@modelcontextprotocol/sdk/client/streamableHttp.js"),
        ...load("@modelcontextprotocol/sdk/client/auth.js"),
      };

const kept = existsSync(store) ? JSON.parse(readFileSync(store, "utf8")) : {};
const keep = (more) => writeFileSync(store, JSON.stringify(Object.assign(kept, more)));

let arrive;
const callback = createServer((request, response) => {
  const { pathname, searchParams } = new URL(request.url, redirectUrl);
  response.end("back");
  if (pathname === "/callback") arrive(searchParams);
});
await new Promise((resolve) => callback.listen(0, "127.0.0.1", resolve));
const redirectUrl = `http://127.0.0.1:${callback.address().port}/callback`;

// The older SDK's hosts may leave `state` out: this one does.
const provider = {
  redirectUrl,
  clientMetadata: {
    client_name: "TypeScript SDK",
    redirect_uris: [redirectUrl],
    token_endpoint_auth_method: "none",
  },
  ...(flavour === "client" ? { state: () => (kept.state = randomUUID()) } : {}),
  clientInformation: () => kept.client,
  saveClientInformation: (client) => keep({ client }),
  tokens: () => kept.tokens,
  saveTokens: (tokens) => keep({ tokens }),
  codeVerifier: () => kept.verifier,
  saveCodeVerifier: (verifier) => keep({ verifier }),
  invalidateCredentials: (what) => {
    if (what === "all" || what === "client") keep({ client: undefined });
    if (what === "all" || what === "tokens") keep({ tokens: undefined });
  },
  redirectToAuthorization: (to) => {
    provider.arrived = new Promise((resolve) => (arrive = resolve));
    execFileSync("xdg-open", [to.href]);
  },
};

let client;
let transport;
async function connect() {
  await client?.close().catch(() => {});
  client = new Client(
    { name: "typescript-host", version: "1" },
    flavour === "client" ? { versionNegotiation: { mode } } : {},
  );
  transport = new StreamableHTTPClientTransport(new URL(url), { authProvider: provider });
  await client.connect(transport);
}

async function signIn() {
  const answer = await provider.arrived;
  if (flavour === "client" && answer.get("state") !== kept.state) throw new Error("another state came back");
  if (flavour === "client") await transport.finishAuth(answer);
  else await transport.finishAuth(answer.get("code"));
}

async function signedIn(work) {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof UnauthorizedError)) throw error;
    await signIn();
    await connect();
    return await work();
  }
}

// RFC 7009, at the place that the metadata names, as the public client that it is.
async function logOut() {
  const { authorizationServerMetadata } = await discoverOAuthServerInfo(url);
  const body = new URLSearchParams({
    token: kept.tokens.refresh_token,
    token_type_hint: "refresh_token",
    client_id: kept.client.client_id,
  });
  const answer = await fetch(authorizationServerMetadata.revocation_endpoint, { method: "POST", body });
  if (!answer.ok) throw new Error(`not revoked: ${answer.status}`);
  keep({ tokens: undefined });
  return {};
}

const asks = {
  logout: logOut,
  "tools/list": () => client.listTools(),
  "tools/call": (params) => client.callTool(params),
};
for await (const line of createInterface({ input: process.stdin })) {
  const { id, method, params } = JSON.parse(line);
  try {
    const result = await signedIn(async () => {
      if (client === undefined) await connect();
      return asks[method](params);
    });
    console.log(JSON.stringify({ id, result }));
  } catch (error) {
    console.error(error);
    console.log(JSON.stringify({ id, error: String(error) }));
  }
}
process.exit(0);
