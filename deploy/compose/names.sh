# Read by other scripts: $host is the name in PUBLIC_URL, $tls how it comes to its certificate.
# acme: by certbot. dev: by `valet tls dev`, for this machine and private networks. own: it is put in place by hand.
host=${PUBLIC_URL#https://}
host=${host%%/*}
tls=${VALET_TLS:-}
if [ -z "$tls" ]; then
    case $host in
    *.localhost | *.local | *.internal | *.home.arpa | *.test) tls=dev ;;
    *[!0-9.]*.*) tls=acme ;;
    # An address, and a name without a dot.
    *) tls=dev ;;
    esac
fi
case $tls in
acme | dev | own) ;;
*)
    echo "VALET_TLS in .env is $tls. Write acme, dev or own, or leave it empty. Then: docker compose up -d" >&2
    exit 2
    ;;
esac
