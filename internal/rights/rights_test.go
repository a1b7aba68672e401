package rights_test

import (
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/matchwire/matchwire/internal/instances"
	"github.com/matchwire/matchwire/internal/rights"
)

var update = flag.Bool("update", false, "rewrite the files in deploy")

// The files in deploy contain the users of the default namespace, without passwords.
func TestDeployedFiles(t *testing.T) {
	users := rights.Users("")
	for file, want := range map[string][]byte{
		rights.DefinitionsFile: rights.Definitions(users, "/", "", nil),
		rights.ACLFile:         rights.ACL(users, nil),
	} {
		file = filepath.Join("../../deploy", file)
		if *update {
			if err := os.WriteFile(file, want, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		got, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != string(want) {
			t.Errorf("%s is outdated: run go test ./internal/rights -update", file)
		}
	}
}

// read returns the contents of the files in a folder, by path. It fails the test if a file has an unexpected
// mode.
func read(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		files[filepath.ToSlash(name)] = string(text)
		info, err := d.Info()
		if err != nil {
			return err
		}
		want := fs.FileMode(0o400)
		if strings.HasPrefix(name, "rabbitmq") || strings.HasPrefix(name, "redis") {
			want = 0o444
		}
		if info.Mode() != want {
			t.Errorf("%s has the mode %v, want %v", name, info.Mode(), want)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// Write creates random passwords only once. The files for the servers do not contain the passwords.
func TestWrite(t *testing.T) {
	dir := t.TempDir()
	servers := rights.Servers{AMQP: "amqp://one:5672/live,amqp://two:5672/live", Redis: "redis://store:6379/2"}
	created, err := rights.Write(dir, "club", servers)
	if err != nil {
		t.Fatal(err)
	}
	if len(created) != len(rights.Users("")) {
		t.Errorf("Write created passwords for %v, want all roles", created)
	}
	first := read(t, dir)
	seen := map[string]bool{}
	for _, u := range rights.Users("club") {
		amqp, redis := first[u.Role+"/amqp_url"], first[u.Role+"/redis_url"]
		if (amqp == "") != (u.Rabbit == nil) || (redis == "") != (u.Redis == nil) {
			t.Errorf("role %s has the URLs %q and %q, want one for each server that it uses", u.Role, amqp, redis)
		}
		_, rest, _ := strings.Cut(amqp+redis, "://matchwire-club-"+u.Role+":")
		password, _, _ := strings.Cut(rest, "@")
		if len(password) < 26 || seen[password] {
			t.Errorf("role %s has the password %q, want a new one with at least 26 characters", u.Role, password)
		}
		seen[password] = true
		if amqp != "" && (strings.Count(amqp, password) != 2 || !strings.HasSuffix(amqp, "@two:5672/live")) {
			t.Errorf("role %s has the URL %q, want both nodes", u.Role, amqp)
		}
		if redis != "" && !strings.HasSuffix(redis, "@store:6379/2") {
			t.Errorf("role %s has the URL %q, want the server and the database", u.Role, redis)
		}
		for _, file := range []string{rights.DefinitionsFile, rights.ACLFile} {
			if strings.Contains(first[file], password) {
				t.Errorf("%s contains a password, want only hashes", file)
			}
		}
	}
	for role, want := range map[string]bool{"api": true, "fanout": true, "gateway": true, "parser": false} {
		key := first[role+"/instance_key"]
		if (len(key) >= instances.MinSecret) != want || want && key != first["api/instance_key"] {
			t.Errorf("role %s has the instance key %q, want a key: %t, the same as that of api", role, key, want)
		}
	}
	for _, want := range []string{`"vhost": "live"`, `"^club\\.(live_events)$"`, `"exchange": "club.retries"`} {
		if !strings.Contains(first[rights.DefinitionsFile], want) {
			t.Errorf("%s does not contain %s", rights.DefinitionsFile, want)
		}
	}
	if !strings.Contains(first[rights.ACLFile], " ~mw:club:{fanout}:* ") {
		t.Errorf("%s does not contain the key pattern ~mw:club:{fanout}:*", rights.ACLFile)
	}

	for _, name := range []string{rights.ACLFile, "api/instance_key"} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	created, err = rights.Write(dir, "club", servers)
	if err != nil || len(created) > 0 {
		t.Errorf("the second Write created passwords for %v, error %v; want none", created, err)
	}
	second := read(t, dir)
	delete(first, rights.DefinitionsFile) // the hashes have a random salt
	for name, text := range first {
		if second[name] != text {
			t.Errorf("the second Write changed %s, want the same content", name)
		}
	}
}

// Write refuses an invalid URL or file. The error does not contain the password.
func TestWriteRefuses(t *testing.T) {
	dir := t.TempDir()
	for _, s := range []rights.Servers{
		{AMQP: "amqp://guest:hunter2@rabbitmq/", Redis: "redis://redis"},
		{AMQP: "http://rabbitmq/", Redis: "redis://redis"},
		{AMQP: "amqp://rabbitmq/", Redis: "redis://:hunter2@redis"},
		{AMQP: "amqp://rabbitmq/", Redis: "redis:6379"},
	} {
		if _, err := rights.Write(dir, "", s); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%v: error %v, want one without the password", s, err)
		}
	}
	file := filepath.Join(dir, "parser", "amqp_url")
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte("hunter2"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := rights.Write(dir, "", rights.Servers{AMQP: "amqp://rabbitmq/", Redis: "redis://redis"})
	if err == nil || !strings.Contains(err.Error(), "delete the file") || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("error %v, want one that says to delete the file, without the password", err)
	}
}
