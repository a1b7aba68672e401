// Generate writes the licences of the modules that are linked into the program. It writes the list
// of modules to NOTICE and internal/licences/modules.txt, and the texts to
// internal/licences/texts.txt.
//
//	go run ./internal/licences/generate
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	root := flag.String("root", ".", "root folder of the repository")
	flag.Parse()
	if err := generate(*root); err != nil {
		fmt.Fprintln(os.Stderr, "licences:", err)
		os.Exit(1)
	}
}

func generate(root string) error {
	files, err := contents(root)
	if err != nil {
		return err
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}
