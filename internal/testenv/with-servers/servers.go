package main

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

// Debian's rabbitmq-server in PATH changes to a user that cannot write into a
// private folder; the script behind it does not.
var (
	rabbitPrograms = []string{"/usr/lib/rabbitmq/bin/rabbitmq-server", "rabbitmq-server"}
	redisPrograms  = []string{"redis-server"}
)

type server struct {
	name, env string
	programs  []string
	start     func() (url string, stop func(), err error)
}

var servers = []server{
	{"RabbitMQ", "AMQP_URL", rabbitPrograms, startRabbit},
	{"Redis", "REDIS_URL", redisPrograms, startRedis},
}

func startRabbit() (string, func(), error) {
	dir, err := os.MkdirTemp("", "matchwire-rabbitmq-")
	if err != nil {
		return "", nil, err
	}
	port, dist, epmd := freePort(), freePort(), freePort()
	files := map[string]string{
		"rabbitmq.conf":   "disk_free_limit.absolute = 50MB\nlog.file.level = warning\n",
		"enabled_plugins": "[].\n",
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return "", nil, err
		}
	}
	env := append(os.Environ(),
		"HOME="+dir, // the Erlang cookie
		"RABBITMQ_NODENAME=matchwire-"+fmt.Sprint(port)+"@localhost",
		"RABBITMQ_NODE_IP_ADDRESS=127.0.0.1",
		"RABBITMQ_NODE_PORT="+fmt.Sprint(port),
		"RABBITMQ_DIST_PORT="+fmt.Sprint(dist),
		"ERL_EPMD_PORT="+fmt.Sprint(epmd),
		"ERL_EPMD_ADDRESS=127.0.0.1",
		"RABBITMQ_MNESIA_BASE="+filepath.Join(dir, "data"),
		"RABBITMQ_LOG_BASE="+filepath.Join(dir, "log"),
		"RABBITMQ_PID_FILE="+filepath.Join(dir, "pid"),
		"RABBITMQ_CONFIG_FILE="+filepath.Join(dir, "rabbitmq.conf"),
		"RABBITMQ_ENABLED_PLUGINS_FILE="+filepath.Join(dir, "enabled_plugins"),
	)
	url := fmt.Sprintf("amqp://guest:guest@127.0.0.1:%d/", port)
	stop, err := start(dir, env, rabbitPrograms, nil, func() error {
		conn, err := amqp.Dial(url)
		if err != nil {
			return err
		}
		return conn.Close()
	})
	if err != nil {
		return "", nil, err
	}
	return url, func() {
		stop()
		_ = exec.Command("epmd", "-port", fmt.Sprint(epmd), "-kill").Run() // the node started it, on a port of its own
	}, nil
}

func startRedis() (string, func(), error) {
	dir, err := os.MkdirTemp("", "matchwire-redis-")
	if err != nil {
		return "", nil, err
	}
	addr := fmt.Sprintf("127.0.0.1:%d", freePort())
	_, port, _ := net.SplitHostPort(addr)
	args := []string{"--port", port, "--bind", "127.0.0.1", "--dir", dir, "--save", "", "--appendonly", "no"}
	stop, err := start(dir, os.Environ(), redisPrograms, args, func() error {
		conn, err := net.DialTimeout("tcp", addr, time.Second)
		if err != nil {
			return err
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(time.Second))
		fmt.Fprint(conn, "PING\r\n")
		reply, err := bufio.NewReader(conn).ReadString('\n')
		if err == nil && reply != "+PONG\r\n" {
			err = fmt.Errorf("answers %q", reply)
		}
		return err
	})
	return "redis://" + addr, stop, err
}

// start runs the first program there is and waits until answers finds it up.
// stop ends it and removes dir.
func start(dir string, env, programs, args []string, answers func() error) (stop func(), err error) {
	var cmd *exec.Cmd
	for _, p := range programs {
		if path, err := exec.LookPath(p); err == nil {
			cmd = exec.Command(path, args...)
			break
		}
	}
	out, err := os.Create(filepath.Join(dir, "output"))
	if err != nil {
		return nil, err
	}
	defer out.Close()
	cmd.Env, cmd.Stdout, cmd.Stderr = env, out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // no Ctrl-C, and its children end with it
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	exited := make(chan struct{})
	go func() { _ = cmd.Wait(); close(exited) }()
	stop = func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM)
		select {
		case <-exited:
		case <-time.After(20 * time.Second):
			_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
			<-exited
		}
		os.RemoveAll(dir)
	}
	var last error
	for end := time.Now().Add(90 * time.Second); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		select {
		case <-exited:
			said, _ := os.ReadFile(out.Name())
			os.RemoveAll(dir)
			return nil, fmt.Errorf("it exited: %s", tail(said))
		default:
		}
		if last = answers(); last == nil {
			return stop, nil
		}
	}
	stop()
	return nil, fmt.Errorf("no answer in 90 s: %w", last)
}

func tail(b []byte) []byte { return b[max(0, len(b)-500):] }

// freePort finds a port that nobody listens on.
func freePort() int {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}
