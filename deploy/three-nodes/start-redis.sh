#!/bin/sh
# Starts a Redis server whose master Sentinel can change. At the first start, it creates the config in the folder DATA.
# Sentinel changes this file later. MASTER is the host and the port of the first master, such as "redis 6379". NODE and
# PORT are where the other servers and the clients reach this server. SECRETS is the folder with the files of
# "matchwire users".
set -eu
DATA=${DATA:-/data} NODE=${NODE:-$(hostname)} PORT=${PORT:-6379} SECRETS=${SECRETS:-/run/matchwire}
if [ ! -f "$DATA/redis.conf" ]; then
	umask 077
	cat > "$DATA/redis.conf.new" <<END
port $PORT
dir $DATA
aclfile $SECRETS/users.acl
appendonly yes
maxmemory 512mb
maxmemory-policy noeviction
masteruser matchwire-redis
masterauth $(cat "$SECRETS/server_password")
replica-announce-ip $NODE
END
	if [ "$NODE $PORT" != "$MASTER" ]; then
		echo "replicaof $MASTER" >> "$DATA/redis.conf.new"
	fi
	mv "$DATA/redis.conf.new" "$DATA/redis.conf"
fi
exec redis-server "$DATA/redis.conf"
