package matchwire_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// systemd accepts the units in deploy/systemd, and rates their exposure at 2.0 of 10 at most.
func TestUnits(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Skip("systemd-analyze is missing")
	}
	files, err := filepath.Glob("deploy/systemd/*.service")
	if err != nil || len(files) != 2 {
		t.Fatalf("found the units %v, error %v; want 2", files, err)
	}
	program, err := exec.LookPath("true") // systemd checks that the program exists
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(text, []byte("ExecStart=/usr/local/bin/matchwire run ")) {
			t.Errorf("%s does not start matchwire run", file)
		}
		text = bytes.ReplaceAll(text, []byte("/usr/local/bin/matchwire"), []byte(program))
		name := filepath.Base(file)
		if name == "matchwire@.service" {
			name = "matchwire@parser.service"
		}
		unit := filepath.Join(dir, name)
		if err := os.WriteFile(unit, text, 0o600); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command("systemd-analyze", "verify", unit).CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("%s: systemd-analyze verify: error %v\n%s", file, err, out)
		}
		out, err := exec.Command("systemd-analyze", "security", "--offline=yes", "--threshold=20", unit).CombinedOutput()
		if err != nil {
			t.Errorf("%s: systemd-analyze security: %v\n%s", file, err, out)
		}
	}
}
