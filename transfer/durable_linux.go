package transfer

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// syncFile leaves it to syncFiles: on Linux one call for all files of a
// download takes far less time than one for each.
func syncFile(*os.File) error { return nil }

// syncFiles writes what the file system of dir has in memory to the disk.
func syncFiles(dir *os.File) error {
	if err := unix.Syncfs(int(dir.Fd())); err != nil {
		return fmt.Errorf("write the downloads below %q to the disk: %w", dir.Name(), err)
	}
	return nil
}
