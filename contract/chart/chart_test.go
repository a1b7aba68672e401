// Package chart tests the Helm chart in deploy/helm.
package chart

import (
	"bytes"
	"flag"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	chartcommon "helm.sh/helm/v4/pkg/chart/common"
	chartutil "helm.sh/helm/v4/pkg/chart/common/util"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	"helm.sh/helm/v4/pkg/engine"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/yaml"

	"github.com/matchwire/matchwire/internal/pipeline"
	"github.com/matchwire/matchwire/internal/rights"
)

var update = flag.Bool("update", false, "replace deploy/kubernetes/matchwire.yaml")

const (
	root      = "../.."
	manifests = "deploy/kubernetes/matchwire.yaml"
)

// render returns the manifests of the chart, in the order of its templates.
func render(t *testing.T, values map[string]any) string {
	t.Helper()
	text, err := tryRender(t, values)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func tryRender(t *testing.T, values map[string]any) (string, error) {
	t.Helper()
	c, err := loader.Load(filepath.Join(root, "deploy", "helm"))
	if err != nil {
		t.Fatal(err)
	}
	release := chartcommon.ReleaseOptions{Name: "matchwire", Namespace: "matchwire", Revision: 1, IsInstall: true}
	all, err := chartutil.ToRenderValues(c, values, release, nil)
	if err != nil {
		return "", err
	}
	files, err := engine.Render(c, all)
	if err != nil {
		return "", err
	}
	var out strings.Builder
	for _, name := range slices.Sorted(maps.Keys(files)) {
		text := strings.TrimSpace(files[name])
		if path.Ext(name) == ".yaml" && text != "" {
			fmt.Fprintf(&out, "---\n%s\n", strings.TrimPrefix(text, "---\n"))
		}
	}
	return out.String(), nil
}

// everything returns values that use every feature of the chart.
func everything(t *testing.T) map[string]any {
	t.Helper()
	text, err := os.ReadFile("testdata/everything.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var values map[string]any
	if err := yaml.UnmarshalStrict(text, &values); err != nil {
		t.Fatal(err)
	}
	return values
}

// types are the types of the objects that the chart can contain.
var types = map[string]func() any{
	"v1/ConfigMap":                           func() any { return &corev1.ConfigMap{} },
	"v1/Service":                             func() any { return &corev1.Service{} },
	"apps/v1/Deployment":                     func() any { return &appsv1.Deployment{} },
	"batch/v1/Job":                           func() any { return &batchv1.Job{} },
	"policy/v1/PodDisruptionBudget":          func() any { return &policyv1.PodDisruptionBudget{} },
	"autoscaling/v2/HorizontalPodAutoscaler": func() any { return &autoscalingv2.HorizontalPodAutoscaler{} },
	"networking.k8s.io/v1/NetworkPolicy":     func() any { return &networkingv1.NetworkPolicy{} },
	"networking.k8s.io/v1/Ingress":           func() any { return &networkingv1.Ingress{} },
}

// decode decodes manifests with the types of Kubernetes. It fails the test if a field is unknown or
// occurs twice, or if two objects have the same kind and name.
func decode(t *testing.T, text string) map[string]any {
	t.Helper()
	objects := map[string]any{}
	for doc := range strings.SplitSeq(strings.TrimPrefix(text, "---\n"), "\n---\n") {
		var meta metav1.PartialObjectMetadata
		if err := yaml.Unmarshal([]byte(doc), &meta); err != nil {
			t.Fatalf("%v:\n%s", err, doc)
		}
		of, ok := types[meta.APIVersion+"/"+meta.Kind]
		if !ok {
			t.Fatalf("unexpected type %s/%s of %s", meta.APIVersion, meta.Kind, meta.Name)
		}
		object := of()
		if err := yaml.UnmarshalStrict([]byte(doc), object); err != nil {
			t.Errorf("%s %s: %v", meta.Kind, meta.Name, err)
		}
		name := meta.Kind + "/" + meta.Name
		if objects[name] != nil {
			t.Errorf("%s exists twice", name)
		}
		objects[name] = object
	}
	return objects
}

// get returns the object of a kind and name.
func get[T any](t *testing.T, objects map[string]any, name string) T {
	t.Helper()
	object, ok := objects[name].(T)
	if !ok {
		t.Fatalf("%s does not exist; the chart contains %s", name, slices.Sorted(maps.Keys(objects)))
	}
	return object
}

// roles returns the roles with a Deployment, and the gateway.
func roles() []string {
	all := []string{"gateway"}
	for _, r := range pipeline.Roles() {
		all = append(all, string(r))
	}
	return all
}

// The plain manifests are the chart with its default values.
func TestManifests(t *testing.T) {
	const note = "# The chart in deploy/helm with its default values. Update it with: make manifests\n"
	got := note + render(t, nil)
	file := filepath.Join(root, manifests)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(want, []byte(got)) {
		t.Errorf("%s differs from the chart: run make manifests, and review the change", manifests)
	}
}

// Every role has a Deployment that runs it, with the files that "matchwire users" writes for the role.
func TestRoles(t *testing.T) {
	secrets := t.TempDir()
	servers := rights.Servers{AMQP: "amqp://rabbitmq:5672", Redis: "redis://redis:6379"}
	if _, err := rights.Write(secrets, "", servers); err != nil {
		t.Fatal(err)
	}
	objects := decode(t, render(t, nil))
	for _, role := range roles() {
		d := get[*appsv1.Deployment](t, objects, "Deployment/matchwire-"+role)
		c := d.Spec.Template.Spec.Containers[0]
		want := []string{"run", role, "--config", "/config/matchwire.yaml"}
		if role == "gateway" {
			want = want[1:]
		}
		if !slices.Equal(c.Args, want) {
			t.Errorf("%s has the arguments %q, want %q", role, c.Args, want)
		}
		if c.LivenessProbe.HTTPGet.Path != "/livez" || c.ReadinessProbe.HTTPGet.Path != "/readyz" {
			t.Errorf("%s: liveness probe of %s and readiness probe of %s, want /livez and /readyz",
				role, c.LivenessProbe.HTTPGet.Path, c.ReadinessProbe.HTTPGet.Path)
		}
		var used []string
		for _, env := range c.Env {
			if file, ok := strings.CutPrefix(env.Value, "/run/matchwire/"); ok {
				used = append(used, file)
			}
		}
		entries, err := os.ReadDir(filepath.Join(secrets, role))
		if err != nil {
			t.Fatal(err)
		}
		var written []string
		for _, e := range entries {
			written = append(written, e.Name())
		}
		slices.Sort(used)
		if !slices.Equal(used, written) {
			t.Errorf("%s uses the files %q, and matchwire users writes %q", role, used, written)
		}
		get[*networkingv1.NetworkPolicy](t, objects, "NetworkPolicy/matchwire-"+role)
		get[*policyv1.PodDisruptionBudget](t, objects, "PodDisruptionBudget/matchwire-"+role)
	}
	get[*batchv1.Job](t, objects, "Job/matchwire-setup-1")
}

// pods returns the pods of all Deployments and Jobs.
func pods(objects map[string]any) map[string]corev1.PodTemplateSpec {
	all := map[string]corev1.PodTemplateSpec{}
	for name, object := range objects {
		switch o := object.(type) {
		case *appsv1.Deployment:
			all[name] = o.Spec.Template
		case *batchv1.Job:
			all[name] = o.Spec.Template
		}
	}
	return all
}

// Every pod runs as a user without rights, on a file system that it cannot change.
func TestPodsAreRestricted(t *testing.T) {
	objects := decode(t, render(t, everything(t)))
	all := pods(objects)
	if want := len(roles()) + 1; len(all) != want {
		t.Fatalf("found %d pods, want %d", len(all), want)
	}
	for name, pod := range all {
		s, c := pod.Spec, pod.Spec.Containers[0]
		type limits struct {
			NonRoot, ReadOnly, Escalation, Token, Links bool
			User                                        int64
			Seccomp                                     corev1.SeccompProfileType
			Drop                                        []corev1.Capability
		}
		got := limits{*s.SecurityContext.RunAsNonRoot, *c.SecurityContext.ReadOnlyRootFilesystem,
			*c.SecurityContext.AllowPrivilegeEscalation, *s.AutomountServiceAccountToken, *s.EnableServiceLinks,
			*s.SecurityContext.RunAsUser, s.SecurityContext.SeccompProfile.Type, c.SecurityContext.Capabilities.Drop}
		want := limits{NonRoot: true, ReadOnly: true, User: 65532, Seccomp: "RuntimeDefault",
			Drop: []corev1.Capability{"ALL"}}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
		if c.Resources.Limits.Memory().IsZero() {
			t.Errorf("%s has no limit on memory", name)
		}
	}
}

// Each label selector of the chart selects pods of the chart.
func TestSelectors(t *testing.T) {
	objects := decode(t, render(t, everything(t)))
	selects := func(name string, s *metav1.LabelSelector) {
		t.Helper()
		selector, err := metav1.LabelSelectorAsSelector(s)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, pod := range pods(objects) {
			if selector.Matches(labels.Set(pod.Labels)) {
				return
			}
		}
		t.Errorf("%s selects %s, which is no pod", name, selector)
	}
	peers := func(name string, all []networkingv1.NetworkPolicyPeer) {
		for _, p := range all {
			if p.PodSelector != nil && p.NamespaceSelector == nil {
				selects(name, p.PodSelector)
			}
		}
	}
	for name, object := range objects {
		switch o := object.(type) {
		case *appsv1.Deployment:
			selects(name, o.Spec.Selector)
		case *policyv1.PodDisruptionBudget:
			selects(name, o.Spec.Selector)
		case *corev1.Service:
			selects(name, &metav1.LabelSelector{MatchLabels: o.Spec.Selector})
		case *autoscalingv2.HorizontalPodAutoscaler:
			get[*appsv1.Deployment](t, objects, "Deployment/"+o.Spec.ScaleTargetRef.Name)
		case *networkingv1.NetworkPolicy:
			selects(name, &o.Spec.PodSelector)
			for _, in := range o.Spec.Ingress {
				peers(name, in.From)
			}
			for _, out := range o.Spec.Egress {
				peers(name, out.To)
			}
		}
	}
}

// Only the parser and the consumers may connect to the internet, and only the gateway accepts strangers.
func TestNetworkPolicies(t *testing.T) {
	objects := decode(t, render(t, nil))
	for _, role := range append(roles(), "setup") {
		policy := get[*networkingv1.NetworkPolicy](t, objects, "NetworkPolicy/matchwire-"+role)
		internet := false
		for _, out := range policy.Spec.Egress {
			for _, to := range out.To {
				internet = internet || to.IPBlock != nil
			}
		}
		if want := role == "parser" || role == "consumers"; internet != want {
			t.Errorf("%s may connect to the internet: %v, want %v", role, internet, want)
		}
		strangers := false
		for _, in := range policy.Spec.Ingress {
			strangers = strangers || len(in.From) == 0
		}
		if want := role == "gateway"; strangers != want {
			t.Errorf("%s accepts connections from anywhere: %v, want %v", role, strangers, want)
		}
		if len(policy.Spec.PolicyTypes) != 2 {
			t.Errorf("%s: policy types %v, want both, so that nothing else is permitted", role, policy.Spec.PolicyTypes)
		}
	}
}

// The values in everything.yaml reach the manifests.
func TestEverything(t *testing.T) {
	objects := decode(t, render(t, everything(t)))
	config := get[*corev1.ConfigMap](t, objects, "ConfigMap/matchwire").Data
	if _, err := pipeline.ParseConfig("matchwire.yaml", []byte(config["matchwire.yaml"])); err != nil {
		t.Error(err)
	}
	if !strings.HasPrefix(config["club.yaml"], "profile: club\n") {
		t.Errorf("club.yaml is %q, want the profile", config["club.yaml"])
	}
	parser := get[*appsv1.Deployment](t, objects, "Deployment/matchwire-parser")
	if parser.Spec.Replicas != nil {
		t.Errorf("the parser has %d replicas, want none: its autoscaler sets them", *parser.Spec.Replicas)
	}
	scaler := get[*autoscalingv2.HorizontalPodAutoscaler](t, objects, "HorizontalPodAutoscaler/matchwire-parser").Spec
	if *scaler.MinReplicas != 2 || scaler.MaxReplicas != 8 || *scaler.Metrics[0].Resource.Target.AverageUtilization != 70 {
		t.Errorf("the autoscaler is %+v, want 2 to 8 pods at 70 %%", scaler)
	}
	sources := map[string]string{}
	consumers := get[*appsv1.Deployment](t, objects, "Deployment/matchwire-consumers").Spec.Template
	for _, v := range consumers.Spec.Volumes {
		switch {
		case v.Secret != nil:
			sources[v.Name] = v.Secret.SecretName
		case v.PersistentVolumeClaim != nil:
			sources[v.Name] = v.PersistentVolumeClaim.ClaimName
		}
	}
	want := map[string]string{"secret": "login", "files": "webhooks", "data": "archive"}
	if !maps.Equal(sources, want) {
		t.Errorf("the consumers mount %v, want %v", sources, want)
	}
	if consumers.Annotations["team"] != "sports" || consumers.Spec.NodeSelector["disk"] != "ssd" ||
		len(consumers.Spec.Tolerations) != 1 || consumers.Spec.Affinity == nil {
		t.Errorf("the pod of the consumers lacks its annotation, node selector, toleration or affinity: %+v", consumers)
	}
	ingress := get[*networkingv1.Ingress](t, objects, "Ingress/matchwire").Spec
	if ingress.Rules[0].Host != "goals.example" || ingress.TLS[0].SecretName != "certificate" {
		t.Errorf("the Ingress is %+v, want the host goals.example with its certificate", ingress)
	}
	for name, d := range pods(objects) {
		if image := d.Spec.Containers[0].Image; image != "images.example/matchwire:v9" {
			t.Errorf("%s has the image %s", name, image)
		}
	}
	for _, role := range []string{"parser", "scheduler"} {
		if in := get[*networkingv1.NetworkPolicy](t, objects, "NetworkPolicy/matchwire-"+role).Spec.Ingress; len(in) != 1 {
			t.Errorf("%s accepts connections by %d rules, want the one for metrics", role, len(in))
		}
	}
}

// The grace period of a role is at least that in the Compose file, which another test compares with the docs.
func TestGracePeriods(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "docker-compose.yml"))
	if err != nil {
		t.Fatal(err)
	}
	var compose struct {
		Services map[string]struct {
			Grace string `json:"stop_grace_period"`
		} `json:"services"`
	}
	if err := yaml.Unmarshal(text, &compose); err != nil {
		t.Fatal(err)
	}
	objects := decode(t, render(t, nil))
	for _, role := range roles() {
		want, err := time.ParseDuration(compose.Services[role].Grace)
		if err != nil {
			t.Fatalf("%s: %v", role, err)
		}
		d := get[*appsv1.Deployment](t, objects, "Deployment/matchwire-"+role)
		got := time.Duration(*d.Spec.Template.Spec.TerminationGracePeriodSeconds) * time.Second
		if got < want {
			t.Errorf("%s has the grace period %v, want at least %v", role, got, want)
		}
	}
}

// A misspelled value, or one of the wrong type, is refused.
func TestSchema(t *testing.T) {
	for want, values := range map[string]map[string]any{
		"replica":  {"roles": map[string]any{"parser": map[string]any{"replica": 3}}},
		"parsers":  {"roles": map[string]any{"parsers": map[string]any{"replicas": 3}}},
		"port":     {"service": map[string]any{"port": "eighty"}},
		"min":      {"roles": map[string]any{"parser": map[string]any{"autoscaling": map[string]any{"max": 3, "cpu": 50}}}},
		"../x":     {"profiles": map[string]any{"../x": "profile: x"}},
		"NodePort": {"service": map[string]any{"type": "Node"}},
	} {
		if _, err := tryRender(t, values); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the values %v: error %v, want one with %q", values, err, want)
		}
	}
}
