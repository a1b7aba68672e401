#!/bin/sh
# Starts a Sentinel. At the first start, it creates the config in the folder DATA. Sentinel changes this file later. The
# variables are those of start-redis.sh. Clients need no password: they may only ask where the master is.
set -eu
DATA=${DATA:-/data} NODE=${NODE:-$(hostname)} PORT=${PORT:-26379} SECRETS=${SECRETS:-/run/matchwire}
if [ ! -f "$DATA/sentinel.conf" ]; then
	password=$(cat "$SECRETS/server_password")
	umask 077
	cat > "$DATA/sentinel.conf.new" <<END
port $PORT
dir $DATA
user default on nopass resetkeys resetchannels &* -@all +@connection +subscribe +psubscribe +unsubscribe +punsubscribe +sentinel|get-master-addr-by-name +sentinel|sentinels +sentinel|replicas +sentinel|slaves +sentinel|master
user matchwire-redis on >$password ~* &* +@all
sentinel resolve-hostnames yes
sentinel announce-hostnames yes
sentinel announce-ip $NODE
sentinel announce-port $PORT
sentinel sentinel-user matchwire-redis
sentinel sentinel-pass $password
sentinel monitor matchwire $MASTER 2
sentinel auth-user matchwire matchwire-redis
sentinel auth-pass matchwire $password
sentinel down-after-milliseconds matchwire 5000
sentinel failover-timeout matchwire 30000
END
	mv "$DATA/sentinel.conf.new" "$DATA/sentinel.conf"
fi
exec redis-server "$DATA/sentinel.conf" --sentinel
