package app

import (
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/matchwire/matchwire/internal/testenv"
)

// unprivileged is the ID of a user and of a group without privileges.
const unprivileged = 65534

// runUnprivileged starts matchwire in dir with the umask 027. If the test runs as root, matchwire runs as a user
// without privileges, because root can read everything. dir then belongs to this user.
func runUnprivileged(t *testing.T, dir string, env []string, files []*os.File, args ...string) *process {
	t.Helper()
	program := os.Args[0]
	attributes := &syscall.SysProcAttr{}
	if os.Getuid() == 0 {
		attributes.Credential = &syscall.Credential{Uid: unprivileged, Gid: unprivileged}
		b, err := os.ReadFile(program)
		if err != nil {
			t.Fatal(err)
		}
		program = filepath.Join(dir, "matchwire")
		if err := os.WriteFile(program, b, 0o755); err != nil {
			t.Fatal(err)
		}
		for path := dir; path != os.TempDir() && path != "/"; path = filepath.Dir(path) {
			if err := os.Chmod(path, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		for _, name := range []string{"", "matchwire", "matchwire.yaml", "spy.sh"} {
			if err := os.Chown(filepath.Join(dir, name), unprivileged, unprivileged); err != nil {
				t.Fatal(err)
			}
		}
	}
	p := &process{t: t, name: strings.Join(args, " "), cmd: exec.Command(program, args...)}
	p.cmd.Dir, p.cmd.Env, p.cmd.ExtraFiles, p.cmd.SysProcAttr = dir, env, files, attributes
	p.cmd.Stdout, p.cmd.Stderr = p, p
	umask := syscall.Umask(0o027)
	err := p.cmd.Start()
	syscall.Umask(umask)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.stop(syscall.SIGTERM) })
	return p
}

// spy is a script that a consumer runs. The script tries to read the secrets of matchwire, then creates the file done.
const spy = `
cat /proc/$PPID/environ > environ-of-matchwire
cat /proc/$PPID/cmdline > cmdline-of-matchwire
ls -l /proc/$PPID/fd > files-of-matchwire
env > environ
cat > file3 <&3
cat > file4 <&4
umask > umask
pwd > folder
touch done
while read -r line; do echo ok; done
`

// The program of an exec consumer can read neither the environment of matchwire nor the files that matchwire has
// inherited, even if it runs as the same user. Its own environment contains PATH and the variables that the settings
// name, but no secrets.
func TestExecProgramsCannotReadSecrets(t *testing.T) {
	dir := t.TempDir()
	write(t, map[string]string{
		filepath.Join(dir, "spy.sh"):    spy,
		filepath.Join(dir, "inherited"): testenv.Secret,
		filepath.Join(dir, "matchwire.yaml"): "consumers:\n  spy: {exec: [sh, spy.sh], keys: ['#'], env: [FOR_SPY]}\n" +
			"  notify: {channels: {hook: {webhook: {url: {env: HOOK_URL}}}}}\n",
	})
	inherited, err := os.Open(filepath.Join(dir, "inherited"))
	if err != nil {
		t.Fatal(err)
	}
	defer inherited.Close()
	p := runUnprivileged(t, dir, []string{
		"MATCHWIRE_TEST_MAIN=1", "PATH=" + os.Getenv("PATH"), "FOR_SPY=seen", "HOOK_URL=http://127.0.0.1:1/" + testenv.Secret,
		"MATCHWIRE_API_TOKEN=" + testenv.Secret, "OTHER=" + testenv.Secret,
	}, []*os.File{inherited, inherited}, "run", "--listen", "127.0.0.1:0")
	p.eventually("the program and the server", func() bool {
		_, err := os.Stat(filepath.Join(dir, "done"))
		return err == nil && strings.Contains(p.output(), "msg=serving")
	})
	read := func(name string) string {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	for _, name := range []string{"environ-of-matchwire", "files-of-matchwire", "environ", "file3", "file4"} {
		testenv.NoSecret(t, read(name))
	}
	for _, name := range []string{"environ-of-matchwire", "files-of-matchwire"} {
		if got := read(name); len(got) > len("total 0\n") {
			t.Errorf("the program can read %s: %q, want nothing", name, got)
		}
	}
	if got := read("cmdline-of-matchwire"); !strings.Contains(got, "run") {
		t.Errorf("the command line of the parent process is %q, want matchwire run", got)
	}
	if got := read("environ"); !strings.Contains(got, "FOR_SPY=seen") || !strings.Contains(got, "PATH=") {
		t.Errorf("the environment of the program is %q, want PATH and FOR_SPY", got)
	}
	if got := strings.TrimSpace(read("umask")); got != "0027" {
		t.Errorf("the umask of the program is %s, want that of matchwire, 0027", got)
	}
	if got := strings.TrimSpace(read("folder")); got != dir {
		t.Errorf("the program runs in %s, want %s, the folder of the config", got, dir)
	}
	// matchwire can still read its own files below /proc.
	resp, err := http.Get("http://" + p.address() + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	metrics, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"process_open_fds ", "process_resident_memory_bytes ", "process_cpu_seconds_total "} {
		if !strings.Contains(string(metrics), "\n"+want) {
			t.Errorf("the metrics lack %s", want)
		}
	}
}
