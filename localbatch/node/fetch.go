package node

import (
	"context"
	"io/fs"
	"path"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"golang.org/x/sync/errgroup"
)

// download is one file to fetch.
type download struct {
	address string
	target  string // relative to the working directory, clean; a directory if address is ""
	mode    fs.FileMode
}

// fetch puts all resource files into the working directory.
func (m *Machine) fetch(ctx context.Context, d *directory, files []ResourceFile) error {
	if len(files) == 0 {
		return nil
	}
	plan, err := m.plan(ctx, files)
	if err != nil {
		return err
	}
	if err := d.root.Mkdir(fetchDir, 0o700); err != nil {
		return directoryFailure(err)
	}
	defer func() {
		if err := d.removeAll(fetchDir); err != nil {
			m.logger.Warn("a temporary directory stays in a task's directory", "directory", d.path, "error", err)
		}
	}()

	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(m.transfers)
	for i, f := range plan {
		g.Go(func() error { return m.fetchFile(ctx, d, f, path.Join(fetchDir, strconv.Itoa(i))) })
	}
	return g.Wait()
}

// plan lists what to fetch. Of two files with one target the later counts.
func (m *Machine) plan(ctx context.Context, files []ResourceFile) ([]download, error) {
	var plan []download
	at := map[string]int{}
	add := func(f download) {
		if i, ok := at[f.target]; ok {
			plan[i] = f
			return
		}
		at[f.target] = len(plan)
		plan = append(plan, f)
	}
	for _, file := range files {
		mode, err := fileMode(file.FileMode)
		if err != nil {
			return nil, err
		}
		switch {
		case !file.hasOneSource():
			return nil, pathFailure(file.FilePath, "a resource file needs either an httpUrl or a container")
		case file.HTTPURL != "":
			target, err := targetPath("", file.FilePath)
			if err != nil {
				return nil, err
			}
			address, err := m.withAccess(file.HTTPURL, file.Identity)
			if err != nil {
				return nil, downloadFailure(download{address: file.HTTPURL, target: target}, err)
			}
			add(download{address, target, mode})
		default:
			if err := m.planContainer(ctx, file, mode, add); err != nil {
				return nil, err
			}
		}
	}
	return plan, nil
}

func (f ResourceFile) hasOneSource() bool {
	given := 0
	for _, source := range []string{f.HTTPURL, f.ContainerURL, f.AutoStorageContainer} {
		if source != "" {
			given++
		}
	}
	return given == 1
}

// planContainer adds every blob of a container that begins with the prefix.
func (m *Machine) planContainer(ctx context.Context, file ResourceFile, mode fs.FileMode, add func(download)) error {
	address, err := m.containerAddress(file)
	if err != nil {
		return listFailure(file, err)
	}
	client, err := m.containerClient(address)
	if err != nil {
		return listFailure(file, err)
	}
	opts := &container.ListBlobsFlatOptions{}
	if file.BlobPrefix != "" {
		opts.Prefix = &file.BlobPrefix
	}
	for pager := client.NewListBlobsFlatPager(opts); pager.More(); {
		page, err := pager.NextPage(ctx)
		if err != nil {
			return listFailure(file, err)
		}
		for _, item := range page.Segment.BlobItems {
			name := *item.Name
			target, err := targetPath(file.FilePath, name)
			if err != nil {
				return err
			}
			address := ""
			// A name that ends in a slash marks a directory.
			if !strings.HasSuffix(name, "/") {
				address = client.NewBlobClient(name).URL()
			}
			add(download{address, target, mode})
		}
	}
	return nil
}

func (m *Machine) containerAddress(file ResourceFile) (string, error) {
	if file.AutoStorageContainer != "" {
		return m.autoStorageContainer(file.AutoStorageContainer)
	}
	return m.withAccess(file.ContainerURL, file.Identity)
}

// targetPath is name below dir, relative to the working directory, and refuses
// what would leave either. A backslash is a letter like others here.
func targetPath(dir, name string) (string, error) {
	if dir == "" {
		dir = "."
	}
	if !filepath.IsLocal(dir) || !filepath.IsLocal(name) || filepath.Clean(name) == "." {
		return "", pathFailure(path.Join(dir, name), "the path of a resource file must name a file below the task's working directory")
	}
	return filepath.Join(dir, name), nil
}

// fileMode reads a resource file's octal mode.
func fileMode(text string) (fs.FileMode, error) {
	if text == "" {
		return 0o770, nil
	}
	mode, err := strconv.ParseUint(text, 8, 32)
	if err != nil || mode > 0o777 {
		return 0, pathFailure("", "the file mode "+strconv.Quote(text)+" of a resource file is not octal digits up to 0777")
	}
	return fs.FileMode(mode), nil
}

// pathFailure is the user's, unlike others of its code.
func pathFailure(filePath, message string) error {
	f := failure(ResourceFileCreateFailed, "A resource file could not be made", "FilePath", filePath, "Message", message)
	f.Category = UserError
	return f
}

func listFailure(file ResourceFile, err error) error {
	code, message := ResourceContainerListMiscError, "The container of a resource file could not be listed"
	switch status := statusOf(err); {
	case status == 404:
		code, message = ResourceContainerNotFound, "The container of a resource file was not found"
	case status == 401 || status == 403:
		code, message = ResourceContainerAccessDenied, "Access to the container of a resource file is denied; its SAS needs the permissions to read and to list, and must not have expired"
	case timedOut(err):
		code, message = ResourceContainerListTimedOut, "The container of a resource file could not be listed in time"
	}
	place := file.AutoStorageContainer
	if place == "" {
		place = source(file.ContainerURL)
	}
	return failure(code, message, "ContainerSource", place, "BlobPrefix", file.BlobPrefix, "Message", plain(err).Error())
}
