// The Gateway API's own conformance tests, with their flags, as a program.
package main

import (
	"testing"

	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/gateway-api/conformance"
)

func main() {
	all := func(_, _ string) (bool, error) { return true, nil }
	tests := []testing.InternalTest{{Name: "TestConformance", F: run}}
	testing.Main(all, tests, nil, nil)
}

// As conformance.RunConformance, with resources as JSON: stand-ins for an API server read no other.
func run(t *testing.T) {
	options := conformance.DefaultOptions(t)
	config := options.RestConfig
	config.ContentType = "application/json"
	scheme := options.Client.Scheme()
	var err error
	if options.Client, err = client.New(config, client.Options{Scheme: scheme}); err != nil {
		t.Fatal(err)
	}
	if options.Clientset, err = kubernetes.NewForConfig(config); err != nil {
		t.Fatal(err)
	}
	conformance.RunConformanceWithOptions(t, options)
}
