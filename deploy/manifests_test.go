package deploy

import (
	"os"
	"path"
	"regexp"
	"strings"
	"testing"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	policy "k8s.io/api/policy/v1"
	"sigs.k8s.io/json"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// manifests are the objects that an installation makes.
type manifests struct {
	deployment    apps.Deployment
	services      []core.Service
	networkPolicy networking.NetworkPolicy
	budget        policy.PodDisruptionBudget
	monitor       monitoring.ServiceMonitor
	count         map[string]int // by kind
}

// render builds the overlay that docs/operations.md gives for an installation, which has all that is in kubernetes/, and
// decodes each object by Kubernetes' own types. An unknown field is an error.
func render(t *testing.T) manifests {
	t.Helper()
	files := filesys.MakeFsInMemory()
	if err := files.WriteFile("/repository/overlay/kustomization.yaml", []byte(overlay(t))); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"kubernetes", "kubernetes/servicemonitor"} {
		copyDir(t, files, dir)
	}
	objects, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(files, "/repository/overlay")
	if err != nil {
		t.Fatal(err)
	}
	m := manifests{count: map[string]int{}}
	for _, object := range objects.Resources() {
		text, err := object.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		m.count[object.GetKind()]++
		if object.GetNamespace() != "usage" {
			t.Errorf("%s %s: namespace %q, not the overlay's", object.GetKind(), object.GetName(), object.GetNamespace())
		}
		m.decode(t, object.GetApiVersion()+" "+object.GetKind(), text)
	}
	return m
}

// overlay is the kustomization.yaml that docs/operations.md shows.
func overlay(t *testing.T) string {
	t.Helper()
	block := regexp.MustCompile("(?s)```yaml\n([^`]*kind: Kustomization\n.*?)```").FindStringSubmatch(string(read(t, operationsFile)))
	if block == nil {
		t.Fatalf("%s shows no overlay", operationsFile)
	}
	return block[1]
}

func copyDir(t *testing.T, files filesys.FileSystem, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		name := path.Join(dir, entry.Name())
		if entry.IsDir() {
			continue
		}
		if err := files.WriteFile(path.Join("/repository/deploy", name), read(t, name)); err != nil {
			t.Fatal(err)
		}
	}
}

func (m *manifests) decode(t *testing.T, kind string, text []byte) {
	t.Helper()
	var into any
	switch kind {
	case "apps/v1 Deployment":
		into = &m.deployment
	case "v1 Service":
		m.services = append(m.services, core.Service{})
		into = &m.services[len(m.services)-1]
	case "networking.k8s.io/v1 NetworkPolicy":
		into = &m.networkPolicy
	case "policy/v1 PodDisruptionBudget":
		into = &m.budget
	case "monitoring.coreos.com/v1 ServiceMonitor":
		into = &m.monitor
	default:
		t.Fatalf("%s: these tests do not know it", kind)
	}
	unknown, err := json.UnmarshalStrict(text, into) // names by case, as Kubernetes does
	for _, err := range append(unknown, err) {
		if err != nil {
			t.Errorf("%s: %v", kind, err)
		}
	}
}

func (m *manifests) pod() core.PodSpec { return m.deployment.Spec.Template.Spec }

func (m *manifests) container() core.Container { return m.pod().Containers[0] }

// flags are those that the Deployment gives to serve, with their values.
func (m *manifests) flags(t *testing.T) map[string]string {
	t.Helper()
	args := m.container().Args
	if len(args) == 0 || args[0] != "serve" {
		t.Fatalf("the arguments %v are not those of serve", args)
	}
	flags := map[string]string{}
	for _, arg := range args[1:] {
		name, value, _ := strings.Cut(arg, "=")
		flags[name] = value
	}
	return flags
}
