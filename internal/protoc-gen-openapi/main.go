// Command protoc-gen-openapi is the protoc plugin that writes gen/openapi, the OpenAPI document of the REST door. It takes
// messages, fields and reasons, with their comments, from the proto files, and what these do not say, such as headers and
// examples, from frame.yaml and reasons.yaml. It fails if a parameter, field or reason is in only one of the two.
package main

import (
	_ "embed"
	"flag"

	"google.golang.org/protobuf/compiler/protogen"
	"google.golang.org/protobuf/types/pluginpb"
)

//go:embed frame.yaml
var frameFile []byte

//go:embed reasons.yaml
var reasonsFile []byte

func main() {
	var flags flag.FlagSet
	binding := flags.String("grpc_api_configuration", "", "the file of the REST binding")
	protogen.Options{ParamFunc: flags.Set}.Run(func(plugin *protogen.Plugin) error {
		plugin.SupportedFeatures = uint64(pluginpb.CodeGeneratorResponse_FEATURE_PROTO3_OPTIONAL)
		found, err := readContract(plugin, *binding)
		if err != nil {
			return err
		}
		document, err := build(found, frameFile, reasonsFile)
		if err != nil {
			return err
		}
		return write(plugin, document)
	})
}
