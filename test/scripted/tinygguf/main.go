// Command tinygguf writes the scripted model to a file, for trying a server by hand:
//
//	go run ./test/scripted/tinygguf -o script.gguf
package main

import (
	"flag"
	"fmt"
	"os"

	"hearth/test/scripted"
)

func main() {
	out := flag.String("o", "script.gguf", "file to write")
	spec := flag.String("spec", "", "script spec; none: the one of the end-to-end tests")
	template := flag.String("template", "", "Jinja chat template to put into the file")
	flag.Parse()
	if err := write(*out, *spec, *template); err != nil {
		fmt.Fprintln(os.Stderr, "tinygguf:", err)
		os.Exit(1)
	}
}

func write(out, spec, template string) error {
	var c scripted.Config
	if spec != "" {
		b, err := os.ReadFile(spec)
		if err != nil {
			return err
		}
		if c.Spec, err = scripted.Parse(b); err != nil {
			return err
		}
	}
	if template != "" {
		b, err := os.ReadFile(template)
		if err != nil {
			return err
		}
		c.ChatTemplate = string(b)
	}
	model, err := scripted.Build(c)
	if err != nil {
		return err
	}
	return os.WriteFile(out, model, 0o644)
}
