package main

import (
	"fmt"
	"os"
	"os/exec"

	"github.com/matchwire/matchwire/internal/testenv/servers"
)

// A need is a program that the tests run, and the Debian packages that contain it.
type need struct {
	name     string
	programs []string // possible names of the program
	packages []string // Debian packages
	unless   string   // environment variable with the URL of a running server to use instead; "" for none
}

var needs = []need{
	{"RabbitMQ", servers.RabbitPrograms, []string{"rabbitmq-server"}, "AMQP_URL"},
	{"Redis", servers.RedisPrograms, []string{"redis-server"}, "REDIS_URL"},
	{"Chromium", []string{"chromium", "chromium-browser", "google-chrome"}, []string{"chromium"}, ""},
	{"Node", []string{"node"}, []string{"nodejs"}, ""},
	{"npm", []string{"npm"}, []string{"npm"}, ""},
	{"Python", []string{"python3"}, []string{"python3"}, ""},
	{"promtool", []string{"promtool"}, []string{"prometheus"}, ""},
	{"pgrep", []string{"pgrep"}, []string{"procps"}, ""},
	{"a C compiler (for -race)", []string{"gcc", "cc", "clang"}, []string{"gcc", "libc6-dev"}, ""},
}

// found reports whether at least one of the programs is installed.
func found(programs []string) bool {
	for _, p := range programs {
		if _, err := exec.LookPath(p); err == nil {
			return true
		}
	}
	return false
}

// install installs missing programs from Debian packages, if it runs as root on Debian. It returns a
// line for each program that is still missing.
func install() (skipped []string) {
	var missing []need
	for _, n := range needs {
		if !found(n.programs) && (n.unless == "" || os.Getenv(n.unless) == "") {
			missing = append(missing, n)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	if _, err := exec.LookPath("apt-get"); err == nil && os.Geteuid() == 0 {
		args := []string{"install", "-y", "--no-install-recommends"}
		for _, n := range missing {
			args = append(args, n.packages...)
		}
		fmt.Fprintln(os.Stderr, "with-servers: installing", args[3:])
		apt("update")
		apt(args...)
	}
	for _, n := range missing {
		if !found(n.programs) {
			skipped = append(skipped,
				fmt.Sprintf("%s is not installed; to install it, run with-servers as root on Debian", n.name))
		}
	}
	return skipped
}

func apt(args ...string) {
	cmd := exec.Command("apt-get", append([]string{"-qq"}, args...)...)
	// RUNLEVEL=1 prevents the packages from starting services. The tests start their own servers.
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive", "RUNLEVEL=1")
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		fmt.Fprintf(os.Stderr, "with-servers: apt-get %v: %v\n", args, err)
	}
}
