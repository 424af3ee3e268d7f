package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/stretchr/testify/require"
)

// composeEnv is what tools/compose-env.sh gives the file.
var composeEnv = []string{"POSTGRES_PASSWORD=p", "AZURITE_ACCOUNT_KEY=c3RvcmFnZQ==", "AZURE_BATCH_ACCOUNT_KEY=YmF0Y2g="}

// loadCompose reads docker-compose.yml as docker compose does.
func loadCompose(ctx context.Context, env []string) (*types.Project, error) {
	options, err := cli.NewProjectOptions([]string{filepath.Join("..", "docker-compose.yml")}, cli.WithEnv(env))
	if err != nil {
		return nil, err
	}
	return options.LoadProject(ctx)
}

func TestCompose(t *testing.T) {
	t.Parallel()
	project, err := loadCompose(t.Context(), composeEnv)
	require.NoError(t, err)
	require.ElementsMatch(t, []string{"postgresql", "temporal", "temporal-ui", "azurite", "batch", "worker"}, project.ServiceNames())
	pinned := regexp.MustCompile(`:[0-9]+\.[0-9]+`)

	for name, service := range project.Services {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.NotNil(t, service.HealthCheck)
			require.NotEmpty(t, service.HealthCheck.Test)
			require.Equal(t, "unless-stopped", service.Restart)
			if service.Build == nil {
				require.Regexp(t, pinned, service.Image)
			} else {
				require.True(t, strings.HasSuffix(service.Image, ":local"), service.Image)
			}
			for _, port := range service.Ports {
				require.Equal(t, "127.0.0.1", port.HostIP, "port %s is open to the network", port.Published)
			}
			for _, volume := range service.Volumes {
				if volume.Target == "/files" {
					continue // the user's own
				}
				require.Equal(t, types.VolumeTypeVolume, volume.Type)
				require.Contains(t, project.Volumes, volume.Source)
			}
			for other, dependency := range service.DependsOn {
				require.Equal(t, types.ServiceConditionHealthy, dependency.Condition, other)
			}
		})
	}
	worker := project.Services["worker"].Environment
	require.Equal(t, "DefaultEndpointsProtocol=http;AccountName=durabatch;AccountKey=c3RvcmFnZQ==;BlobEndpoint=http://azurite:10000/durabatch;",
		*worker["AZURE_STORAGE_CONNECTION_STRING"])
	require.Equal(t, "YmF0Y2g=", *worker["AZURE_BATCH_ACCOUNT_KEY"])
}

// TestComposeHasNoKeysOfItsOwn leaves each key out in turn.
func TestComposeHasNoKeysOfItsOwn(t *testing.T) {
	t.Parallel()
	for i, entry := range composeEnv {
		name, _, _ := strings.Cut(entry, "=")
		env := append(append([]string{}, composeEnv[:i]...), composeEnv[i+1:]...)
		_, err := loadCompose(t.Context(), env)
		require.ErrorContains(t, err, name)
		require.ErrorContains(t, err, "tools/compose-env.sh")
	}
}

// TestComposeSetsAllItAsksFor holds the file's variables against those that
// tools/compose-env.sh writes or that have a default.
func TestComposeSetsAllItAsksFor(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("..", "docker-compose.yml"))
	require.NoError(t, err)
	written, err := os.ReadFile(filepath.Join("..", "tools", "compose-env.sh"))
	require.NoError(t, err)
	for _, match := range regexp.MustCompile(`\$\{?(\w+)(:-)?`).FindAllStringSubmatch(string(text), -1) {
		if match[2] == "" {
			require.Contains(t, string(written), match[1]+"=")
		}
	}
}

func TestComposeEnv(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "tools"), 0o700))
	script, err := os.ReadFile(filepath.Join("..", "tools", "compose-env.sh"))
	require.NoError(t, err)
	copied := filepath.Join(dir, "tools", "compose-env.sh")
	require.NoError(t, os.WriteFile(copied, script, 0o600))
	write := func() string {
		out, err := exec.Command("/bin/sh", copied).CombinedOutput()
		require.NoError(t, err, "%s", out)
		return readFile(t, dir, ".env")
	}
	env := write()
	info, err := os.Stat(filepath.Join(dir, ".env"))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	require.Equal(t, env, write(), "keys that are there stay")

	project, err := loadCompose(t.Context(), strings.Split(env, "\n"))
	require.NoError(t, err)
	require.Len(t, *project.Services["batch"].Environment["AZURE_BATCH_ACCOUNT_KEY"], 88, "64 bytes in base64")
}

func TestDockerfileIsPinned(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("..", "Dockerfile"))
	require.NoError(t, err)
	from := regexp.MustCompile(`(?m)^FROM (\S+)`).FindAllStringSubmatch(string(text), -1)
	require.NotEmpty(t, from)
	for _, match := range from {
		require.Regexp(t, `:(\d+\.\d+\.\d+-\w+|\w+-\d{8}-slim)`, match[1])
	}
}
