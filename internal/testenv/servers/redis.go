package servers

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// RedisPrograms lists the possible names of Redis's server program.
var RedisPrograms = []string{"redis-server"}

// Redis starts a Redis server with an append-only file. args are additional arguments for the server.
func Redis(args ...string) (*Server, error) {
	dir, err := os.MkdirTemp("", "matchwire-redis-")
	if err != nil {
		return nil, err
	}
	return redisServer(dir, append([]string{
		"--bind", "127.0.0.1", "--dir", dir, "--save", "", "--appendonly", "yes",
	}, args...))
}

// Sentinel starts a Redis Sentinel with a config file, which it writes to.
func Sentinel(config string) (*Server, error) {
	dir, err := os.MkdirTemp("", "matchwire-sentinel-")
	if err != nil {
		return nil, err
	}
	return redisServer(dir, []string{config, "--sentinel", "--bind", "127.0.0.1", "--dir", dir})
}

// redisServer starts a server whose data is in dir, on a free port.
func redisServer(dir string, args []string) (*Server, error) {
	port, err := FreePort()
	if err != nil {
		return nil, err
	}
	addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	return started(&Server{
		URL: "redis://" + addr, Dir: dir, programs: RedisPrograms,
		args: append(args, "--port", strconv.Itoa(port)),
		responds: func() error {
			conn, err := net.DialTimeout("tcp", addr, time.Second)
			if err != nil {
				return err
			}
			defer conn.Close()
			_ = conn.SetDeadline(time.Now().Add(time.Second))
			fmt.Fprint(conn, "PING\r\n")
			reply, err := bufio.NewReader(conn).ReadString('\n')
			if err == nil && reply != "+PONG\r\n" && !strings.HasPrefix(reply, "-NOAUTH") {
				err = fmt.Errorf("reply %q to PING, want +PONG or -NOAUTH", reply)
			}
			return err
		},
	})
}

// RemoveRedisData removes the data of a Redis server. The server must not be running.
func RemoveRedisData(redis *Server) error {
	return os.RemoveAll(filepath.Join(redis.Dir, "appendonlydir"))
}
