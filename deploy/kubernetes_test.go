package deploy

import (
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	core "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
)

func TestManifestsAreAllThere(t *testing.T) {
	m := render(t)
	want := map[string]int{"Deployment": 1, "Service": 3, "NetworkPolicy": 1, "PodDisruptionBudget": 1, "ServiceMonitor": 1}
	if diff := cmp.Diff(want, m.count); diff != "" {
		t.Errorf("kinds (- expected, + rendered):\n%s", diff)
	}
	if image := m.container().Image; image != "registry.example.com/zoneusage:1.2.3" {
		t.Errorf("image %s, not the overlay's", image)
	}
}

// TestSelectorsFindThePod follows every selector and every port's name to what it is for.
func TestSelectorsFindThePod(t *testing.T) {
	m := render(t)
	pod := labels.Set(m.deployment.Spec.Template.Labels)
	ports := map[string]bool{}
	for _, port := range m.container().Ports {
		ports[port.Name] = true
	}
	selects := func(what string, selector *meta.LabelSelector) {
		found, err := meta.LabelSelectorAsSelector(selector)
		if err != nil || found.Empty() || !found.Matches(pod) {
			t.Errorf("%s selects by %v, %v: not the pod's %v", what, found, err, pod)
		}
	}
	selects("the Deployment", m.deployment.Spec.Selector)
	selects("the budget", m.budget.Spec.Selector)
	selects("the network policy", &m.networkPolicy.Spec.PodSelector)
	for _, service := range m.services {
		selects(service.Name, &meta.LabelSelector{MatchLabels: service.Spec.Selector})
		for _, port := range service.Spec.Ports {
			if !ports[port.TargetPort.StrVal] {
				t.Errorf("%s: no port %s", service.Name, port.TargetPort.String())
			}
		}
	}
	allowed := map[string]bool{}
	for _, rule := range m.networkPolicy.Spec.Ingress {
		if len(rule.From) == 0 {
			t.Error("the network policy lets everybody in")
		}
		for _, port := range rule.Ports {
			allowed[port.Port.StrVal] = true
		}
	}
	if diff := cmp.Diff(ports, allowed); diff != "" {
		t.Errorf("ports (- of the pod, + in the network policy):\n%s", diff)
	}
}

// TestServiceMonitorFindsTheMetrics checks that the samples get the job that the alerts ask for, often enough.
func TestServiceMonitorFindsTheMetrics(t *testing.T) {
	m := render(t)
	selector, err := meta.LabelSelectorAsSelector(&m.monitor.Spec.Selector)
	if err != nil {
		t.Fatal(err)
	}
	var found []core.Service
	for _, service := range m.services {
		if selector.Matches(labels.Set(service.Labels)) {
			found = append(found, service)
		}
	}
	if len(found) != 1 || len(m.monitor.Spec.Endpoints) != 1 {
		t.Fatalf("%d Services, %d endpoints", len(found), len(m.monitor.Spec.Endpoints))
	}
	endpoint := m.monitor.Spec.Endpoints[0]
	if port := found[0].Spec.Ports[0]; port.Name != endpoint.Port || port.TargetPort.StrVal != "admin" || endpoint.Path != "/metrics" {
		t.Errorf("it asks port %s for %s", endpoint.Port, endpoint.Path)
	}
	if job := found[0].Labels[m.monitor.Spec.JobLabel]; job != targetLabels()["job"] {
		t.Errorf("job %q", job)
	}
	if interval, err := time.ParseDuration(string(endpoint.Interval)); err != nil || interval > 30*time.Second {
		t.Errorf("interval %s, %v: the lane is closed for 30 s after refused credentials", endpoint.Interval, err)
	}
}

// TestPortsAndProbes compares the ports with the addresses that the Deployment gives to serve.
func TestPortsAndProbes(t *testing.T) {
	m := render(t)
	flags := m.flags(t)
	for _, port := range m.container().Ports {
		flag := map[string]string{"grpc": "--grpc-addr", "rest": "--http-addr", "admin": "--admin-addr"}[port.Name]
		if want := ":" + strconv.Itoa(int(port.ContainerPort)); flags[flag] != want {
			t.Errorf("port %s is %s, but %s is %q", port.Name, want, flag, flags[flag])
		}
	}
	c := m.container()
	for endpoint, probe := range map[string]*core.Probe{"/livez": c.LivenessProbe, "/readyz": c.ReadinessProbe} {
		if probe == nil || probe.HTTPGet == nil || probe.HTTPGet.Path != endpoint || probe.HTTPGet.Port != intstr.FromString("admin") {
			t.Errorf("the probe of %s is %v", endpoint, probe)
		}
	}
	if probe := c.StartupProbe; probe == nil || probe.HTTPGet.Path != "/livez" || probe.PeriodSeconds*probe.FailureThreshold < 30 {
		t.Errorf("the startup probe is %v", probe)
	}
	s := serve(t)
	for _, endpoint := range []string{"/livez", "/readyz"} {
		response, err := s.client.Get("http://" + s.adminAddr + endpoint)
		if err != nil {
			t.Fatal(err)
		}
		if response.Body.Close(); response.StatusCode != http.StatusOK {
			t.Errorf("%s: %s", endpoint, response.Status)
		}
	}
}

// TestFilesAreMounted compares the files of the flags with the Secrets' mounts.
func TestFilesAreMounted(t *testing.T) {
	m := render(t)
	secrets := map[string]string{}
	for _, volume := range m.pod().Volumes {
		if volume.Secret == nil || volume.Secret.Optional != nil || volume.Secret.DefaultMode == nil || *volume.Secret.DefaultMode != 0o440 {
			t.Fatalf("volume %s: not a Secret for the group alone", volume.Name)
		}
		secrets[volume.Name] = volume.Secret.SecretName
	}
	mounted := map[string]string{}
	for _, mount := range m.container().VolumeMounts {
		if !mount.ReadOnly || mount.SubPath != "" || secrets[mount.Name] == "" {
			t.Errorf("mount %s: not a Secret's directory, or it can be written to", mount.Name)
		}
		mounted[mount.MountPath] = secrets[mount.Name]
	}
	used, text := map[string]bool{}, string(read(t, operationsFile))
	for flag, value := range m.flags(t) {
		if !strings.HasPrefix(value, "/") {
			continue
		}
		secret := mounted[path.Dir(value)]
		if secret == "" || !strings.Contains(text, "| `"+secret+"` |") || !strings.Contains(text, "`"+path.Base(value)+"`") {
			t.Errorf("%s=%s: no Secret is mounted there, or %s does not name it (%q)", flag, value, operationsFile, secret)
		}
		used[path.Dir(value)] = true
	}
	if len(used) != len(mounted) {
		t.Errorf("mounted %v, used %v", mounted, used)
	}
}

func TestTimeToEnd(t *testing.T) {
	m := render(t)
	var needed time.Duration
	for _, flag := range []string{"--drain-delay", "--grace-period"} {
		duration, err := time.ParseDuration(m.flags(t)[flag])
		if err != nil || duration <= 0 {
			t.Fatalf("%s: %s, %v", flag, duration, err)
		}
		needed += duration
	}
	given := time.Duration(*m.pod().TerminationGracePeriodSeconds) * time.Second
	if room := given - needed; room < 5*time.Second || room > 15*time.Second {
		t.Errorf("Kubernetes kills after %s what may take %s", given, needed)
	}
}

func TestMemory(t *testing.T) {
	m := render(t)
	resources := m.container().Resources
	limit := resources.Limits.Memory().Value()
	if request := resources.Requests.Memory().Value(); request != limit {
		t.Errorf("%d bytes are asked for, the limit is %d", request, limit)
	}
	var goLimit int64
	for _, variable := range m.container().Env {
		if variable.Name == "GOMEMLIMIT" {
			mib, err := strconv.ParseInt(strings.TrimSuffix(variable.Value, "MiB"), 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			goLimit = mib << 20
		}
	}
	if part := float64(goLimit) / float64(limit); part < 0.85 || part > 0.92 {
		t.Errorf("GOMEMLIMIT is %.2f of the memory limit, not nine tenths", part)
	}
	if cache, err := strconv.ParseInt(m.flags(t)["--cache-mib"], 10, 64); err != nil || 2*cache<<20 > goLimit {
		t.Errorf("%d MiB of kept answers need twice as much, and GOMEMLIMIT is %d: %v", cache, goLimit, err)
	}
}

// TestPodIsConfined is Kubernetes' own "restricted" standard, and more.
func TestPodIsConfined(t *testing.T) {
	m := render(t)
	pod, c := m.pod(), m.container().SecurityContext
	if s := pod.SecurityContext; !*s.RunAsNonRoot || *s.RunAsUser != 65532 || *s.RunAsGroup != 65532 || *s.FSGroup != 65532 ||
		s.SeccompProfile.Type != core.SeccompProfileTypeRuntimeDefault {
		t.Errorf("security context of the pod: %v", s)
	}
	if !*c.ReadOnlyRootFilesystem || *c.AllowPrivilegeEscalation || c.Privileged != nil || len(c.Capabilities.Add) > 0 ||
		!slices.Equal(c.Capabilities.Drop, []core.Capability{"ALL"}) {
		t.Errorf("security context of the container: %v", c)
	}
	if *pod.AutomountServiceAccountToken || *pod.EnableServiceLinks || pod.HostNetwork || len(pod.Containers) != 1 {
		t.Error("the pod has a token, links of Services, the node's network or another container")
	}
	if flags := m.flags(t); flags["--tls-cert"] == "" || flags["--callers"] == "" {
		t.Error("it serves without TLS or without callers")
	} else if _, insecure := flags["--insecure"]; insecure {
		t.Error("it serves with --insecure")
	}
	if dockerfile := string(read(t, "../Dockerfile")); !strings.Contains(dockerfile, "USER 65532:65532") {
		t.Error("the image's user is another one")
	}
}

// TestDeploymentsFlags finds a flag that serve does not have.
func TestDeploymentsFlags(t *testing.T) {
	help := serveHelp(t)
	m := render(t)
	for _, flag := range slices.Sorted(maps.Keys(m.flags(t))) {
		if !strings.Contains(help, " "+flag+"=") {
			t.Errorf("serve has no %s", flag)
		}
	}
}

func serveHelp(t *testing.T) string {
	t.Helper()
	help, err := exec.Command(os.Getenv(binaryVariable), "serve", "--help").Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(help)
}
