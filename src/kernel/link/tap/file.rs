//! The file `/dev/net/tun`, which is there only when the kernel's module for it is.

use std::fs::{self, File, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use nix::errno::Errno;
use nix::sys::stat::{Mode, SFlag, makedev, mknod};

/// The file that makes a link for whoever opens it, in the opener's namespace.
pub const FILE: &str = "/dev/net/tun";

/// Its number, linux/major.h and linux/miscdevice.h: the kernel loads the module that has it
/// when the file is opened.
const NUMBER: (u64, u64) = (10, 200);

/// Open the file. Where the module has not been loaded yet, nothing has made the file: it is
/// made as udev makes it from what depmod(8) lists, and the kernel loads the module.
pub fn open() -> io::Result<File> {
    let open = || File::options().read(true).write(true).open(FILE);
    match open() {
        Err(e) if e.kind() == ErrorKind::NotFound => {}
        opened => return opened,
    }
    let folder = Path::new(FILE).parent().unwrap_or(Path::new("/dev"));
    fs::create_dir_all(folder)?;
    let made = mknod(
        FILE,
        SFlag::S_IFCHR,
        Mode::from_bits_truncate(0o600),
        makedev(NUMBER.0, NUMBER.1),
    );
    match made {
        // Somebody else has loaded it meanwhile
        Err(Errno::EEXIST) => return open(),
        made => made?,
    }
    match open() {
        // Everybody may open it, as udev has it: the kernel asks who may do what
        Ok(file) => fs::set_permissions(FILE, Permissions::from_mode(0o666)).map(|()| file),
        Err(_) => {
            fs::remove_file(FILE)?;
            Err(ErrorKind::NotFound.into())
        }
    }
}
