package servers

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	amqp "github.com/rabbitmq/amqp091-go"
)

// RabbitPrograms lists the possible names of RabbitMQ's server program. To test another version,
// set MATCHWIRE_RABBITMQ to the path of its program. Debian's wrapper rabbitmq-server in PATH
// switches to a user that cannot write to the folder of a test. So the script that the wrapper
// calls comes first.
var RabbitPrograms = programNames(os.Getenv("MATCHWIRE_RABBITMQ"),
	"/usr/lib/rabbitmq/bin/rabbitmq-server", "rabbitmq-server")

func programNames(configured string, defaults ...string) []string {
	if configured == "" {
		return defaults
	}
	return []string{configured}
}

// A Rabbit is a RabbitMQ node.
type Rabbit struct {
	*Server
	Node string // its Erlang name
}

// NewRabbit starts a single RabbitMQ node.
func NewRabbit() (*Rabbit, error) {
	nodes, err := RabbitCluster(1)
	if err != nil {
		return nil, err
	}
	return nodes[0], nil
}

// RabbitCluster starts a cluster of n nodes. Stop the first node last, because Stop of the first
// node also removes files that all nodes use.
func RabbitCluster(n int) ([]*Rabbit, error) {
	epmd, err := FreePort()
	if err != nil {
		return nil, err
	}
	home, err := os.MkdirTemp("", "matchwire-rabbitmq-") // for the Erlang cookie
	if err != nil {
		return nil, err
	}
	var nodes []*Rabbit
	for range n {
		r, err := rabbit(home, epmd)
		if err == nil && len(nodes) > 0 {
			err = r.join(nodes[0])
		}
		if err != nil {
			for _, r := range nodes {
				r.Stop()
			}
			return nil, err
		}
		nodes = append(nodes, r)
	}
	nodes[0].cleanup = func() {
		_ = exec.Command("epmd", "-port", fmt.Sprint(epmd), "-kill").Run() // the nodes have started epmd
		os.RemoveAll(home)
	}
	return nodes, nil
}

// rabbit starts one node. home is the folder of the Erlang cookie. epmd is the port of Erlang's
// port mapper.
func rabbit(home string, epmd int) (*Rabbit, error) {
	dir, err := os.MkdirTemp("", "matchwire-rabbitmq-")
	if err != nil {
		return nil, err
	}
	port, err := FreePort()
	if err != nil {
		return nil, err
	}
	dist, err := FreePort()
	if err != nil {
		return nil, err
	}
	files := map[string]string{
		"rabbitmq.conf":   "disk_free_limit.absolute = 50MB\nlog.file.level = warning\n",
		"enabled_plugins": "[].\n",
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return nil, err
		}
	}
	url := fmt.Sprintf("amqp://guest:guest@127.0.0.1:%d/", port)
	node := fmt.Sprintf("matchwire-%d@localhost", port)
	s, err := started(&Server{
		URL: url, Dir: dir, programs: RabbitPrograms,
		env: []string{
			"HOME=" + home,
			"RABBITMQ_NODENAME=" + node,
			"RABBITMQ_NODE_IP_ADDRESS=127.0.0.1",
			"RABBITMQ_NODE_PORT=" + fmt.Sprint(port),
			"RABBITMQ_DIST_PORT=" + fmt.Sprint(dist),
			"ERL_CRASH_DUMP=" + filepath.Join(dir, "crash.dump"),
			"ERL_EPMD_PORT=" + fmt.Sprint(epmd),
			"ERL_EPMD_ADDRESS=127.0.0.1",
			"RABBITMQ_MNESIA_BASE=" + filepath.Join(dir, "data"),
			"RABBITMQ_LOG_BASE=" + filepath.Join(dir, "log"),
			"RABBITMQ_PID_FILE=" + filepath.Join(dir, "pid"),
			"RABBITMQ_CONFIG_FILE=" + filepath.Join(dir, "rabbitmq.conf"),
			"RABBITMQ_ENABLED_PLUGINS_FILE=" + filepath.Join(dir, "enabled_plugins"),
		},
		responds: func() error {
			conn, err := amqp.Dial(url)
			if err != nil {
				return err
			}
			return conn.Close()
		},
	})
	if err != nil {
		return nil, err
	}
	return &Rabbit{Server: s, Node: node}, nil
}

// Ctl runs rabbitmqctl on the node and returns its output.
func (r *Rabbit) Ctl(args ...string) (string, error) {
	program := filepath.Join(filepath.Dir(r.cmd.Path), "rabbitmqctl")
	cmd := exec.Command(program, append([]string{"-q"}, args...)...)
	cmd.Env = append(os.Environ(), r.env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("rabbitmqctl %s: %w: %s", strings.Join(args, " "), err, out)
	}
	return string(out), nil
}

// join adds the node to the cluster of the node other. If it fails, it stops the node.
func (r *Rabbit) join(other *Rabbit) error {
	for _, args := range [][]string{{"stop_app"}, {"reset"}, {"join_cluster", other.Node}, {"start_app"}} {
		if _, err := r.Ctl(args...); err != nil {
			r.Stop()
			return err
		}
	}
	return nil
}
