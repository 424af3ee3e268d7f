#!/bin/sh
# Writes .env for docker-compose.yml: random keys, and the user that the worker
# writes outputs as. A file that is there already stays as it is.
set -eu
cd "$(dirname "$0")/.."
umask 077

[ ! -e .env ] || {
	echo ".env is there already"
	exit 0
}

random() { head -c "$1" /dev/urandom; }

cat >.env.new <<EOF
POSTGRES_PASSWORD=$(random 24 | od -An -v -tx1 | tr -d ' \n')
AZURITE_ACCOUNT_KEY=$(random 64 | base64 | tr -d '\n')
AZURE_BATCH_ACCOUNT_KEY=$(random 64 | base64 | tr -d '\n')
WORKER_UID=$(id -u)
WORKER_GID=$(id -g)
EOF
mv .env.new .env
echo "random keys are in .env, readable by you alone"
