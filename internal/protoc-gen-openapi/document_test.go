package main

import (
	"bytes"
	"os/exec"
	"strings"
	"testing"

	"google.golang.org/protobuf/compiler/protogen"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/pluginpb"

	"github.com/zoneusage/zoneusage/gen/openapi"
)

const root = "../.."

// readProto reads the contract as buf compiles it, with its comments.
func readProto(t *testing.T) (*protogen.Plugin, contract) {
	t.Helper()
	buf := exec.CommandContext(t.Context(), "go", "tool", "-modfile=tools/go.mod", "buf", "build", "--as-file-descriptor-set", "--output=-#format=binpb")
	buf.Dir = root
	buf.Stderr = t.Output()
	output, err := buf.Output()
	if err != nil {
		t.Fatalf("%v: %v", buf.Args, err)
	}
	var files descriptorpb.FileDescriptorSet
	if err := proto.Unmarshal(output, &files); err != nil {
		t.Fatal(err)
	}
	request := &pluginpb.CodeGeneratorRequest{ProtoFile: files.GetFile()}
	for _, file := range files.GetFile() {
		if strings.HasPrefix(file.GetName(), "jasper/") {
			file.Options = &descriptorpb.FileOptions{GoPackage: proto.String("example.com/usage")} // as buf's managed mode does
			request.FileToGenerate = append(request.FileToGenerate, file.GetName())
		}
	}
	plugin, err := protogen.Options{}.New(request)
	if err != nil {
		t.Fatal(err)
	}
	found, err := readContract(plugin, root+"/proto/jasper/usage/v1/usage_service.gateway.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return plugin, found
}

// What is checked in is what the plugin writes.
func TestTheDocumentIsWhatThePluginWrites(t *testing.T) {
	plugin, found := readProto(t)
	document, err := build(found, frameFile, reasonsFile)
	if err != nil {
		t.Fatal(err)
	}
	if err := write(plugin, document); err != nil {
		t.Fatal(err)
	}
	want := map[string][]byte{"openapi/openapi.json": openapi.JSON, "openapi/openapi.yaml": openapi.YAML}
	for _, file := range plugin.Response().GetFile() {
		if content, ok := want[file.GetName()]; ok && !bytes.Equal(content, []byte(file.GetContent())) {
			t.Errorf("gen/%s is not what the plugin writes: run make generate", file.GetName())
		}
		delete(want, file.GetName())
	}
	for name := range want {
		t.Errorf("the plugin writes no %s", name)
	}
}

// What the contract has and the two files beside the plugin lack, or the other way round, is no document.
func TestTheFilesFitTheContract(t *testing.T) {
	_, found := readProto(t)
	for name, test := range map[string]struct{ from, to, want string }{
		"another path":               {"/v1/devices/{iccid}/usageInZone:", "/v2/usage:", "its one path has to be /v1/devices/{iccid}/usageInZone"},
		"a parameter too few":        {"- name: zone\n", "- name: region\n", "it lacks the parameter zone"},
		"a parameter too many":       {"- name: x-usage-class\n          in: header\n", "- name: class\n", "class is not a field of GetDeviceUsageInZoneRequest"},
		"a status too few":           {`"403":`, `"402":`, "it lacks the response 403"},
		"a field without an example": {"voiceMtSeconds:", "voiceSeconds:", "jasper.usage.v1.Usage.voice_mt_seconds lacks examples"},
		"a field that is none":       {"        smsMoMessages:", "        fax:\n          examples: [\"1\"]\n        smsMoMessages:", "Usage has properties that are none of its fields"},
		"what the contract says":     {"        startTime:\n", "        startTime:\n          format: date\n", "the contract says already what format is"},
		"a reason too few":           {"ISSUER_UNAVAILABLE:\n", "ISSUER_GONE:\n", "ISSUER_UNAVAILABLE needs a message"},
		"a reason too many":          {"ISSUER_UNAVAILABLE:\n", "ISSUER_GONE: {message: x}\nISSUER_UNAVAILABLE:\n", "reasons.yaml has 20 reasons, the contract 19"},
		"a detail too few":           {"  detail: {retryDelay: 1.500s}\n", "", "RATE_LIMITED needs a message, and a detail"},
	} {
		frame, reasons := strings.ReplaceAll(string(frameFile), test.from, test.to), strings.ReplaceAll(string(reasonsFile), test.from, test.to)
		if frame == string(frameFile) && reasons == string(reasonsFile) {
			t.Errorf("%s: there is no %q to change", name, test.from)
		}
		if _, err := build(found, []byte(frame), []byte(reasons)); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", name, err, test.want)
		}
	}
}

// A reason whose comment names no code is none that could be documented.
func TestAReasonNeedsACode(t *testing.T) {
	_, found := readProto(t)
	for _, value := range found.reasons.Values {
		value.Comments.Leading = protogen.Comments(strings.ReplaceAll(string(value.Comments.Leading), "PERMISSION_DENIED", "refused"))
	}
	if _, err := build(found, frameFile, reasonsFile); err == nil || !strings.Contains(err.Error(), "ERROR_REASON_NOT_ALLOWED: its comment names no code") {
		t.Errorf("%v", err)
	}
}
