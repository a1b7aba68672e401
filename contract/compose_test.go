package contract_test

import (
	"fmt"
	"maps"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"

	"github.com/matchwire/matchwire/internal/pipeline"
	"github.com/matchwire/matchwire/internal/rights"
)

// numericUser matches a numeric user and group, neither of which is root.
var numericUser = regexp.MustCompile(`^[1-9]\d*:[1-9]\d*$`)

// threeNodes is the Compose file with the additions for three nodes.
const threeNodes = "deploy/three-nodes/docker-compose.yml"

// eachProject calls test for the Compose file, and for the Compose file with the additions for three nodes. It loads
// them with the loader of Compose, because tests have no Docker engine.
func eachProject(t *testing.T, test func(*testing.T, *types.Project)) {
	t.Helper()
	t.Run("one node", func(t *testing.T) { test(t, project(t, "docker-compose.yml")) })
	t.Run("three nodes", func(t *testing.T) { test(t, project(t, "docker-compose.yml", threeNodes)) })
}

// project loads Compose files. Each file adds to the ones before it.
func project(t *testing.T, files ...string) *types.Project {
	t.Helper()
	details := types.ConfigDetails{WorkingDir: ".."}
	for _, file := range files {
		details.ConfigFiles = append(details.ConfigFiles, types.ConfigFile{Filename: path.Join("..", file)})
	}
	p, err := loader.LoadWithContext(t.Context(), details, loader.WithProfiles([]string{"*"}))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// serverOf returns the server whose files a service uses. The nodes of a server, and the Sentinels of Redis, use the
// same files.
func serverOf(service string) string {
	name := strings.TrimRight(service, "-23")
	if name == "sentinel" {
		return "redis"
	}
	return name
}

// read returns the text of a file in the repository.
func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(path.Join("..", file))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// environment returns the environment of a service.
func environment(s types.ServiceConfig) map[string]string {
	env := map[string]string{}
	for k, v := range s.Environment {
		if v != nil {
			env[k] = *v
		}
	}
	return env
}

// roleServices returns the name of each role's service.
func roleServices() (names []string) {
	for _, r := range pipeline.Roles() {
		names = append(names, string(r))
	}
	return names
}

// The Compose file defines the servers and a service for each role, and publishes ports only on the
// loopback interface.
func TestComposeFile(t *testing.T) { eachProject(t, testComposeFile) }

func testComposeFile(t *testing.T, p *types.Project) {
	t.Helper()
	for _, role := range roleServices() {
		s, err := p.GetService(role)
		if err != nil {
			t.Errorf("role %s has no service: %v", role, err)
			continue
		}
		if s.Build == nil || !slices.Equal(s.Command, types.ShellCommand{"run", role}) ||
			s.DependsOn["setup"].Condition != types.ServiceConditionCompletedSuccessfully ||
			s.DependsOn["redis"].Condition != types.ServiceConditionHealthy {
			t.Errorf("service %s: build %v, command %v, depends on %v; "+
				"want a build, the command run %s, and a dependency on setup and a healthy Redis",
				role, s.Build, s.Command, s.DependsOn, role)
		}
	}
	for name, needs := range map[string]map[string]string{
		"setup":    {"rabbitmq": types.ServiceConditionHealthy},
		"rabbitmq": {"users": types.ServiceConditionCompletedSuccessfully},
		"redis":    {"users": types.ServiceConditionCompletedSuccessfully},
		"gateway":  {"redis": types.ServiceConditionHealthy},
	} {
		s := p.Services[name]
		for other, condition := range needs {
			if s.DependsOn[other].Condition != condition {
				t.Errorf("service %s depends on %v, want %s: %s", name, s.DependsOn, other, condition)
			}
		}
	}
	for _, name := range append(roleServices(), "gateway") {
		s := p.Services[name]
		if s.HealthCheck == nil || !slices.Equal(s.HealthCheck.Test,
			[]string{"CMD", "/matchwire", "health", "--endpoint", "livez"}) ||
			environment(s)["MATCHWIRE_LISTEN"] != "0.0.0.0:8080" {
			t.Errorf("service %s: health check %v, environment %v; want matchwire health, and MATCHWIRE_LISTEN 0.0.0.0:8080",
				name, s.HealthCheck, environment(s))
		}
	}
	for _, name := range []string{"rabbitmq", "redis"} {
		if s := p.Services[name]; s.HealthCheck == nil || len(s.HealthCheck.Test) < 2 || len(s.Ports) > 0 {
			t.Errorf("service %s: health check %v, ports %v; want a health check and no ports", name, s.HealthCheck, s.Ports)
		}
	}
	for _, s := range p.Services {
		for _, port := range s.Ports {
			if port.HostIP != "127.0.0.1" || s.Name != "gateway" {
				t.Errorf("service %s publishes port %s on address %q, want only the gateway on 127.0.0.1",
					s.Name, port.Published, port.HostIP)
			}
		}
	}
	for name, n := range p.Networks {
		for _, s := range p.Services {
			_, in := s.Networks[name]
			needsInternet := slices.Contains([]string{"gateway", "parser", "consumers"}, s.Name)
			if in && !n.Internal && !needsInternet {
				t.Errorf("service %s can reach the internet through the network %s, want only gateway, parser and consumers",
					s.Name, name)
			}
		}
	}
}

// exactTag matches an image with a full version number.
var exactTag = regexp.MustCompile(`^[a-z]+:\d+\.\d+\.\d+(-[a-z]+)?$`)

// Every service is restricted: it changes no files outside its volumes, has no capabilities and cannot
// gain any, does not run as root, and has limits.
func TestComposeHardening(t *testing.T) { eachProject(t, testComposeHardening) }

func testComposeHardening(t *testing.T, p *types.Project) {
	t.Helper()
	if len(p.Services) < 11 {
		t.Errorf("%d services, want at least 11", len(p.Services))
	}
	for _, s := range p.Services {
		if !s.ReadOnly {
			t.Errorf("service %s has a writable root file system, want a read-only one", s.Name)
		}
		if !slices.Equal(s.CapDrop, []string{"ALL"}) || len(s.CapAdd) > 0 || s.Privileged {
			t.Errorf("service %s: cap_drop %v, cap_add %v, privileged %v; want no capabilities",
				s.Name, s.CapDrop, s.CapAdd, s.Privileged)
		}
		if !slices.Contains(s.SecurityOpt, "no-new-privileges:true") {
			t.Errorf("service %s can gain privileges: security_opt %v, want no-new-privileges:true", s.Name, s.SecurityOpt)
		}
		if !numericUser.MatchString(s.User) {
			t.Errorf("service %s has the user %q, want a numeric user and group other than root", s.Name, s.User)
		}
		if s.Deploy == nil || s.Deploy.Resources.Limits == nil || s.Deploy.Resources.Limits.NanoCPUs <= 0 ||
			s.Deploy.Resources.Limits.MemoryBytes < 200<<20 || s.Deploy.Resources.Limits.Pids <= 0 {
			t.Errorf("service %s: want limits on CPUs and processes, and a memory limit of at least 200 MiB", s.Name)
		}
		if s.Build == nil && !exactTag.MatchString(s.Image) {
			t.Errorf("service %s: image %s, want an exact version", s.Name, s.Image)
		}
		for _, v := range s.Volumes {
			own := v.Type == types.VolumeTypeVolume && v.Source == s.Name // the data of a server
			if !v.ReadOnly && !own && s.Name != "users" {
				t.Errorf("service %s can write to %s, want write access only to its own volume", s.Name, v.Source)
			}
		}
	}
}

// No service has a secret in its environment, and each one reads only its own passwords.
func TestComposeSecrets(t *testing.T) { eachProject(t, testComposeSecrets) }

func testComposeSecrets(t *testing.T, p *types.Project) {
	t.Helper()
	secret := regexp.MustCompile(`(?i)pass|secret|token|_url|_key`)
	for _, s := range p.Services {
		for name, value := range environment(s) {
			if secret.MatchString(name) && (!strings.HasSuffix(name, "_FILE") || !strings.HasPrefix(value, "/run/matchwire/")) {
				t.Errorf("service %s: %s=%s, want a name with _FILE and a path below /run/matchwire", s.Name, name, value)
			}
		}
		for _, v := range s.Volumes {
			owner, isSecret := strings.CutPrefix(v.Source, "secrets-")
			if isSecret && (owner != serverOf(s.Name) && s.Name != "users" ||
				s.Name == "users" && v.Target != "/secrets/"+owner ||
				s.Name != "users" && v.Target != "/run/matchwire") {
				t.Errorf("service %s mounts %s at %s, want only its own secrets, at /run/matchwire", s.Name, v.Source, v.Target)
			}
			if v.Type == types.VolumeTypeBind {
				from := strings.TrimPrefix(v.Source, "../")
				if !slices.Contains([]string{"deploy/config", "deploy/secrets/" + s.Name, "deploy/rabbitmq/rabbitmq.conf"}, from) &&
					!strings.HasPrefix(from, "deploy/three-nodes/") {
					t.Errorf("service %s mounts %s, want only its config and its own secrets", s.Name, from)
				}
				if _, err := os.Stat(v.Source); err != nil {
					t.Errorf("service %s mounts a missing file or folder: %v", s.Name, err)
				}
			}
		}
	}
	for _, file := range []string{"docker-compose.yml", threeNodes} {
		if regexp.MustCompile(`://[^/\s]*:[^/\s]*@|guest`).MatchString(read(t, file)) {
			t.Errorf("%s contains a password, want none", file)
		}
	}

	// Each service has the URL of exactly the servers on which its role has a user.
	folders := map[string]bool{"rabbitmq": true, "redis": true}
	for _, u := range rights.Users("") {
		folders[u.Role] = true
		env := environment(p.Services[u.Role])
		for variable, has := range map[string]bool{"AMQP_URL_FILE": u.Rabbit != nil, "REDIS_URL_FILE": u.Redis != nil} {
			if (env[variable] != "") != has {
				t.Errorf("service %s: %s=%q, want a value: %t", u.Role, variable, env[variable], has)
			}
		}
	}
	// The gateway, and the instances that it forwards to, have the key for announcements.
	for _, s := range p.Services {
		key := environment(s)["MATCHWIRE_INSTANCE_KEY_FILE"]
		want := slices.Contains([]string{"api", "fanout", "gateway"}, s.Name)
		if (key != "") != want {
			t.Errorf("service %s: MATCHWIRE_INSTANCE_KEY_FILE=%q, want a value: %t", s.Name, key, want)
		}
	}
	mounted := map[string]bool{}
	for _, v := range p.Services["users"].Volumes {
		if owner, ok := strings.CutPrefix(v.Source, "secrets-"); ok {
			mounted[owner] = true
		}
	}
	if !maps.Equal(mounted, folders) {
		t.Errorf("the service users mounts the volumes of %v, want those of %v", mounted, folders)
	}
	made := regexp.MustCompile(`(?m)^ +mkdir (rabbitmq .*)$`).FindStringSubmatch(read(t, "Dockerfile"))
	if made == nil || !slices.Equal(slices.Sorted(slices.Values(strings.Fields(made[1]))),
		slices.Sorted(maps.Keys(folders))) {
		t.Errorf("the image has the folders %v, want %v", made, slices.Sorted(maps.Keys(folders)))
	}
}

// The servers use the users and settings that matchwire needs.
func TestComposeServers(t *testing.T) {
	p := project(t, "docker-compose.yml")
	redis := strings.Join(p.Services["redis"].Command, " ")
	for _, want := range []string{
		"--aclfile /run/matchwire/" + path.Base(rights.ACLFile), "--appendonly yes", "--maxmemory-policy noeviction",
	} {
		if !strings.Contains(redis, want) {
			t.Errorf("the command of Redis is %q, want %s", redis, want)
		}
	}
	limit := regexp.MustCompile(`--maxmemory (\d+)mb`).FindStringSubmatch(redis)
	if limit == nil {
		t.Fatalf("the command of Redis is %q, want --maxmemory", redis)
	}
	mb, _ := strconv.ParseInt(limit[1], 10, 64)
	if all := int64(p.Services["redis"].Deploy.Resources.Limits.MemoryBytes); mb<<20 > all/2 {
		t.Errorf("Redis has --maxmemory %d MB and a limit of %d bytes; want at most half of the limit, "+
			"because Redis needs copies while it rewrites its file", mb, all)
	}
	conf := read(t, "deploy/rabbitmq/rabbitmq.conf")
	load := "\nload_definitions = /run/matchwire/" + path.Base(rights.DefinitionsFile) + "\n"
	if !strings.Contains(conf, load) {
		t.Errorf("rabbitmq.conf does not contain %q", load)
	}
	const want = "users /secrets --amqp amqp://rabbitmq:5672/ --redis redis://redis:6379"
	if users := strings.Join(p.Services["users"].Command, " "); users != want {
		t.Errorf("the command of users is %q, want %q", users, want)
	}
}

// Compose gives each service at least the time to stop that docs/operations.md documents.
func TestComposeGracePeriods(t *testing.T) { eachProject(t, testComposeGracePeriods) }

func testComposeGracePeriods(t *testing.T, p *types.Project) {
	t.Helper()
	_, text, _ := strings.Cut(read(t, "docs/operations.md"), "## Stopping\n")
	text, _, _ = strings.Cut(text, "\n## ")
	seconds := func(pattern string) time.Duration {
		m := regexp.MustCompile(pattern).FindStringSubmatch(text)
		if m == nil {
			t.Fatalf("docs/operations.md does not match %s:\n%s", pattern, text)
		}
		var sum time.Duration
		for _, n := range m[1:] {
			d, _ := strconv.Atoi(n)
			sum += time.Duration(d) * time.Second
		}
		return sum
	}
	delay := seconds("`stop_delay`, (\\d+) seconds by default")
	others := seconds(`other roles: (\d+) seconds`) + delay
	times := map[string]time.Duration{
		"parser": seconds("role `parser`: (\\d+) seconds") + delay,
		"consumers": seconds("role `consumers`: (\\d+) seconds "+
			"plus the longest `timeout` of a consumer, which is (\\d+) seconds") + delay,
		"rabbitmq": 30 * time.Second, "redis": 30 * time.Second,
	}
	for _, name := range append(roleServices(), "gateway", "rabbitmq", "redis") {
		want, ok := times[name]
		if !ok {
			want = others
		}
		if got := p.Services[name].StopGracePeriod; got == nil || time.Duration(*got) < want {
			t.Errorf("service %s has the grace period %v, want at least %v", name, got, want)
		}
	}
}

// With the additions for three nodes, each server has three nodes with their own data, and each role several processes.
// The URLs and the settings name all nodes.
func TestThreeNodes(t *testing.T) {
	p := project(t, "docker-compose.yml", threeNodes)
	conf, command := read(t, "deploy/three-nodes/rabbitmq.conf"), strings.Join(p.Services["users"].Command, " ")
	data := map[string]string{"rabbitmq": "/var/lib/rabbitmq", "redis": "/data", "sentinel": "/data"}
	for server, folder := range data {
		for i, suffix := range []string{"", "-2", "-3"} {
			name := server + suffix
			s := p.Services[name]
			if s.Hostname != name {
				t.Errorf("service %s has the host name %q, want its own name", name, s.Hostname)
			}
			own := func(v types.ServiceVolumeConfig) bool { return v.Target == folder && v.Source == name }
			if !slices.ContainsFunc(s.Volumes, own) {
				t.Errorf("service %s has no volume of its own at %s", name, folder)
			}
			script := "/etc/matchwire/start-" + server + ".sh"
			mounted := func(v types.ServiceVolumeConfig) bool {
				return v.Target == script && strings.HasSuffix(v.Source, "deploy/three-nodes/start-"+server+".sh")
			}
			if !slices.Equal(s.Entrypoint, types.ShellCommand{"sh", script}) || !slices.ContainsFunc(s.Volumes, mounted) {
				t.Errorf("service %s has the entry point %v, want the script %s", name, s.Entrypoint, script)
			}
			if line := fmt.Sprintf("classic_config.nodes.%d = rabbit@%s\n", i+1, name); server == "rabbitmq" &&
				!strings.Contains(conf, line) {
				t.Errorf("rabbitmq.conf does not contain %q", line)
			}
			port := map[string]string{"rabbitmq": ":5672", "sentinel": ":26379"}[server]
			if port != "" && strings.Count(command, name+port) != 1 {
				t.Errorf("the command of users does not name %s%s: %s", name, port, command)
			}
		}
	}
	for _, role := range roleServices() {
		if d := p.Services[role].Deploy; d.Replicas == nil || *d.Replicas < 2 {
			t.Errorf("service %s has the replicas %v, want at least 2", role, d.Replicas)
		}
		if p.Services[role].DependsOn["sentinel"].Condition != types.ServiceConditionHealthy {
			t.Errorf("service %s does not wait for a healthy Sentinel", role)
		}
	}
}
