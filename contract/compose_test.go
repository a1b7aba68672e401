package contract_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"

	"github.com/matchwire/matchwire/internal/pipeline"
)

// The Compose file defines the servers and a service for each role, and publishes ports only on the
// loopback interface. The test uses the loader of Compose, because tests have no Docker engine.
func TestComposeFile(t *testing.T) {
	project, err := loader.LoadWithContext(t.Context(), types.ConfigDetails{
		WorkingDir:  "..",
		ConfigFiles: []types.ConfigFile{{Filename: "../docker-compose.yml"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, image := range map[string]string{"rabbitmq": "rabbitmq:4", "redis": "redis:8"} {
		s, err := project.GetService(name)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(s.Image, image) || s.HealthCheck == nil || len(s.HealthCheck.Test) < 2 || len(s.Volumes) == 0 {
			t.Errorf("service %s: image %s, health check %v, volumes %v; want image %s, a health check and volumes",
				name, s.Image, s.HealthCheck, s.Volumes, image)
		}
	}
	for _, role := range pipeline.Roles() {
		s, err := project.GetService(string(role))
		if err != nil {
			t.Errorf("role %s has no service: %v", role, err)
			continue
		}
		if s.Build == nil || !slices.Equal(s.Command, types.ShellCommand{"run", string(role)}) ||
			s.DependsOn["rabbitmq"].Condition != types.ServiceConditionHealthy ||
			s.DependsOn["redis"].Condition != types.ServiceConditionHealthy {
			t.Errorf("service %s: build %v, command %v, depends on %v; "+
				"want a build, the command run %s, and a dependency on healthy servers",
				role, s.Build, s.Command, s.DependsOn, role)
		}
		env := map[string]string{}
		for k, v := range s.Environment {
			env[k] = *v
		}
		if s.HealthCheck == nil || !strings.Contains(strings.Join(s.HealthCheck.Test, " "), "//localhost:8080/healthz") ||
			env["MATCHWIRE_LISTEN"] != "0.0.0.0:8080" {
			t.Errorf("service %s: health check %v, MATCHWIRE_LISTEN %s; want /healthz on port 8080, and 0.0.0.0:8080",
				role, s.HealthCheck, env["MATCHWIRE_LISTEN"])
		}
		servers, err := pipeline.ServersFrom(func(k string) string { return env[k] })
		if err != nil || servers.Embedded() ||
			!strings.Contains(servers.AMQP, "@rabbitmq:") || !strings.Contains(servers.Redis, "//redis:") {
			t.Errorf("service %s: servers %v, error %v; want rabbitmq and redis", role, servers, err)
		}
	}
	for _, s := range project.Services {
		for _, p := range s.Ports {
			if p.HostIP != "127.0.0.1" {
				t.Errorf("service %s publishes port %s on address %q, want 127.0.0.1", s.Name, p.Published, p.HostIP)
			}
		}
	}
	if _, err := os.Stat("../Dockerfile"); err != nil {
		t.Error(err)
	}
}
