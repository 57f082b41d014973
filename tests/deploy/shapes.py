"""The fields of custom resources that the manifests use, written down from their documentation.

No package on PyPI has these schemas, so this is no proof that an operator takes a manifest: it keeps a field
that was mistyped or misplaced from passing. CloudNativePG 1.30 and 1.31, its Barman Cloud plugin
0.16, prometheus-operator 0.93, Gateway API 1.5 (cloudnative-pg.io/docs, prometheus-operator.dev,
gateway-api.sigs.k8s.io).
"""

from __future__ import annotations

from typing import Any

TEXT, NUMBER, FLAG = {"type": "string"}, {"type": "integer"}, {"type": "boolean"}
Schema = dict[str, Any]


def shape(needed: str = "", **fields: Schema) -> Schema:
    """An object with those fields and no other; `needed` names the ones that must be there."""
    return {
        "type": "object", "properties": fields, "required": needed.split(), "additionalProperties": False,
    }  # fmt: skip


def many(item: Schema) -> Schema:
    """A list with something in it."""
    return {"type": "array", "items": item, "minItems": 1}


def one_of(*words: str) -> Schema:
    """One of these words."""
    return {"enum": list(words)}


TEXTS = {"type": "object", "additionalProperties": TEXT}
NAME = shape("name", name=TEXT)
KEY = shape("name key", name=TEXT, key=TEXT)
SELECTOR = shape(
    matchLabels=TEXTS,
    matchExpressions=many(shape("key operator", key=TEXT, operator=TEXT, values=many(TEXT))),
)
RESOURCES = shape("requests limits", requests=TEXTS, limits=TEXTS)
SPREAD = shape(
    "maxSkew topologyKey whenUnsatisfiable labelSelector",
    maxSkew=NUMBER,
    topologyKey=TEXT,
    whenUnsatisfiable=one_of("ScheduleAnyway", "DoNotSchedule"),
    labelSelector=SELECTOR,
)
PLUGIN = "barman-cloud.cloudnative-pg.io"
PARENTS = many(shape("name namespace sectionName", name=TEXT, namespace=TEXT, sectionName=TEXT))
ROUTE = shape(
    "parentRefs hostnames rules",
    parentRefs=PARENTS,
    hostnames=many(TEXT),
    rules=many(shape("backendRefs", backendRefs=many(shape("name port", name=TEXT, port=NUMBER)))),
)

CLUSTER = shape(
    "instances imageName bootstrap storage",
    instances=NUMBER,
    imageName=TEXT,
    postgresql=shape(
        synchronous=shape(
            "method number",
            method=one_of("any", "first"),
            number=NUMBER,
            dataDurability=one_of("required", "preferred"),
        ),
        parameters=TEXTS,
    ),
    bootstrap=shape(
        initdb=shape(
            "database owner",
            database=TEXT,
            owner=TEXT,
            secret=NAME,
            dataChecksums=FLAG,
            postInitSQL=many(TEXT),
            postInitApplicationSQL=many(TEXT),
        )
    ),
    plugins=many(
        shape(
            "name", name=one_of(PLUGIN), isWALArchiver=FLAG, parameters=shape(barmanObjectName=TEXT)
        )
    ),
    primaryUpdateStrategy=one_of("unsupervised", "supervised"),
    primaryUpdateMethod=one_of("restart", "switchover"),
    affinity=shape(
        enablePodAntiAffinity=FLAG,
        podAntiAffinityType=one_of("preferred", "required"),
        topologyKey=TEXT,
    ),
    storage=shape("size", size=TEXT),
    walStorage=shape("size", size=TEXT),
    resources=RESOURCES,
)  # fmt: skip
POOLER = shape(
    "cluster type instances pgbouncer",
    cluster=NAME,
    type=one_of("rw", "ro", "r"),
    instances=NUMBER,
    pgbouncer=shape("poolMode", poolMode=one_of("session", "transaction"), parameters=TEXTS),
    template=shape(
        spec=shape(
            "containers",
            containers=many(shape("name", name=one_of("pgbouncer"), resources=RESOURCES)),
            topologySpreadConstraints=many(SPREAD),
        )
    ),
)
SPECS: dict[tuple[str, str], Schema] = {
    ("postgresql.cnpg.io/v1", "Cluster"): CLUSTER,
    ("postgresql.cnpg.io/v1", "Pooler"): POOLER,
    ("postgresql.cnpg.io/v1", "DatabaseRole"): shape(
        "cluster name",
        cluster=NAME,
        name=TEXT,
        login=FLAG,
        databaseRoleReclaimPolicy=one_of("retain", "delete"),
        passwordSecret=NAME,
    ),
    ("postgresql.cnpg.io/v1", "ScheduledBackup"): shape(
        "cluster schedule method",
        cluster=NAME,
        schedule={"type": "string", "pattern": r"^(\S+ ){5}\S+$"},
        immediate=FLAG,
        backupOwnerReference=one_of("none", "self", "cluster"),
        method=one_of("plugin", "volumeSnapshot"),
        pluginConfiguration=shape("name", name=one_of(PLUGIN)),
    ),
    ("barmancloud.cnpg.io/v1", "ObjectStore"): shape(
        "configuration",
        retentionPolicy={"type": "string", "pattern": r"^[1-9]\d*[dwm]$"},
        configuration=shape(
            "destinationPath",
            destinationPath=TEXT,
            s3Credentials=shape(accessKeyId=KEY, secretAccessKey=KEY, region=KEY),
            wal=shape(compression=one_of("gzip", "bzip2", "lz4", "snappy", "xz", "zstd")),
            data=shape(compression=one_of("gzip", "bzip2", "snappy")),
        ),
    ),
    ("monitoring.coreos.com/v1", "PodMonitor"): shape(
        "selector podMetricsEndpoints",
        selector=SELECTOR,
        podTargetLabels=many(TEXT),
        podMetricsEndpoints=many(shape("port", port=TEXT, path=TEXT, interval=TEXT)),
    ),
    ("gateway.networking.k8s.io/v1", "TLSRoute"): ROUTE,
    ("gateway.networking.k8s.io/v1", "HTTPRoute"): ROUTE,
}
"""What may stand under `spec`, by apiVersion and kind."""
# What the operator lets be set of PgBouncer, and we set: cloudnative-pg.io/docs/1.31/connection_pooling.
PGBOUNCER = {
    "max_client_conn", "default_pool_size", "query_wait_timeout", "server_login_retry", "server_lifetime",
}  # fmt: skip
