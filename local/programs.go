package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// programs are the executables of a stack, by absolute path.
type programs struct {
	temporal, worker, starter, local string
	node, azurite                    string // azurite is the script that node runs
}

// azuriteScript is where npm puts Azurite's blob service.
const azuriteScript = "node_modules/azurite/dist/src/blob/main.js"

// findPrograms looks beside this program's own executable, where make build
// puts all of them. Azurite is in ../tools/azurite from there, or in the
// directory that DURABATCH_AZURITE names. Everything missing is one error.
func findPrograms(env []string) (programs, error) {
	self, err := os.Executable()
	if err != nil {
		return programs{}, fmt.Errorf("cannot tell where this program is: %w", err)
	}
	bin := filepath.Dir(self)
	azurite := lookup(env, "DURABATCH_AZURITE")
	if azurite == "" {
		azurite = filepath.Join(bin, "..", "tools", "azurite")
	}
	if azurite, err = filepath.Abs(azurite); err != nil {
		return programs{}, err
	}
	p := programs{
		temporal: filepath.Join(bin, "temporal"),
		worker:   filepath.Join(bin, "worker"),
		starter:  filepath.Join(bin, "starter"),
		local:    self,
		azurite:  filepath.Join(azurite, azuriteScript),
	}
	var missing []error
	for _, path := range []string{p.temporal, p.worker, p.starter, p.azurite} {
		if _, err := os.Stat(path); err != nil {
			missing = append(missing, fmt.Errorf("%w; make build makes it", err))
		}
	}
	if p.node, err = exec.LookPath("node"); err != nil {
		missing = append(missing, fmt.Errorf("azurite needs Node.js 20 or later, and there is no node: %w", err))
	}
	return p, errors.Join(missing...)
}
