//! The device file `/dev/net/tun`, which exists only after its kernel module has been loaded.

use std::fs::{self, File, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use nix::errno::Errno;
use nix::sys::stat::{Mode, SFlag, makedev, mknod};

/// The device file. Opening it creates a link in the namespace of the process that opens it.
pub const FILE: &str = "/dev/net/tun";

/// Its device number (linux/major.h and linux/miscdevice.h). When the file is opened, the kernel
/// loads the module that has this number.
const NUMBER: (u64, u64) = (10, 200);

/// Open the file. If the module has not been loaded yet, the file does not exist. It is then
/// created as udev creates it from the list of depmod(8), and opening it makes the kernel load the
/// module. The error is `NotFound` if there is no such module, whether the file exists or not.
pub fn open() -> io::Result<File> {
    let open = || File::options().read(true).write(true).open(FILE);
    match open() {
        Err(e) if e.kind() == ErrorKind::NotFound => {}
        // udev creates the file at boot, for each module in the list
        Err(e) if e.raw_os_error() == Some(Errno::ENODEV as i32) => {
            return Err(ErrorKind::NotFound.into());
        }
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
        // Another process has loaded the module in the meantime
        Err(Errno::EEXIST) => return open(),
        made => made?,
    }
    match open() {
        // Everybody may open it, as with udev: the kernel checks what the process may do with it
        Ok(file) => fs::set_permissions(FILE, Permissions::from_mode(0o666)).map(|()| file),
        Err(_) => {
            fs::remove_file(FILE)?;
            Err(ErrorKind::NotFound.into())
        }
    }
}
