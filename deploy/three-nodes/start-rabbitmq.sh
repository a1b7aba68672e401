#!/bin/sh
# Starts a node of a RabbitMQ cluster. All nodes need the same Erlang cookie, in a file that only the node can read.
set -eu
umask 377
rm -f /var/lib/rabbitmq/.erlang.cookie
cat /run/matchwire/erlang_cookie > /var/lib/rabbitmq/.erlang.cookie
umask 077
exec rabbitmq-server
