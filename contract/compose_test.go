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

// Tests have no Docker engine, so Compose's own loader reads the file, and the test checks what an
// engine would need.
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
			t.Errorf("%s: image %s, health check %v, volumes %v", name, s.Image, s.HealthCheck, s.Volumes)
		}
	}
	for _, role := range pipeline.Roles() {
		s, err := project.GetService(string(role))
		if err != nil {
			t.Errorf("role %s is not a service", role)
			continue
		}
		if s.Build == nil || !slices.Equal(s.Command, types.ShellCommand{"run", string(role)}) ||
			s.DependsOn["rabbitmq"].Condition != types.ServiceConditionHealthy ||
			s.DependsOn["redis"].Condition != types.ServiceConditionHealthy {
			t.Errorf("%s: build %v, command %v, depends on %v", role, s.Build, s.Command, s.DependsOn)
		}
		if s.HealthCheck == nil || !strings.Contains(strings.Join(s.HealthCheck.Test, " "), "//localhost:8080/healthz") ||
			*s.Environment["MATCHWIRE_LISTEN"] != "0.0.0.0:8080" {
			t.Errorf("%s: health check %v", role, s.HealthCheck)
		}
		env := map[string]string{}
		for k, v := range s.Environment {
			env[k] = *v
		}
		servers, err := pipeline.ServersFrom(func(k string) string { return env[k] })
		if err != nil || servers.Embedded() ||
			!strings.Contains(servers.AMQP, "@rabbitmq:") || !strings.Contains(servers.Redis, "//redis:") {
			t.Errorf("%s: servers %v, %v", role, servers, err)
		}
	}
	for _, s := range project.Services {
		for _, p := range s.Ports {
			if p.HostIP != "127.0.0.1" {
				t.Errorf("%s publishes port %s to every network", s.Name, p.Published)
			}
		}
	}
	if _, err := os.Stat("../Dockerfile"); err != nil {
		t.Error(err)
	}
}
