// termios(3), openpty(3) and the window size of tty_ioctl(4).
#include "tty.h"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <pty.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "arguments.h"

namespace vkrun {

static struct winsize Size(Napi::Env env, const Napi::Object& options) {
  int64_t columns = Integer(options, "columns"), rows = Integer(options, "rows");
  if (columns > UINT16_MAX || rows > UINT16_MAX) throw Napi::RangeError::New(env, "a window is at most 65535 wide and high");
  struct winsize size = {};
  size.ws_col = static_cast<unsigned short>(columns);
  size.ws_row = static_cast<unsigned short>(rows);
  return size;
}

Napi::Value OpenPty(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  struct winsize size = Size(env, Options(info));
  int master, slave;
  if (openpty(&master, &slave, nullptr, nullptr, &size) == -1) throw SystemError(env, errno, "openpty");
  char path[128];
  int error = ttyname_r(slave, path, sizeof path);
  // openpty(3) knows no flags; whoever starts a program in between shares the pair with it, which ends nothing.
  if (error == 0 && (fcntl(master, F_SETFD, FD_CLOEXEC) == -1 || fcntl(slave, F_SETFD, FD_CLOEXEC) == -1)) error = errno;
  if (error != 0) {
    close(master);
    close(slave);
    throw SystemError(env, error, "ttyname_r");
  }
  Napi::Object result = Napi::Object::New(env);
  result.Set("master", Napi::Number::New(env, master));
  result.Set("slave", Napi::Number::New(env, slave));
  result.Set("path", Napi::String::New(env, path));
  return result;
}

Napi::Value SetRawMode(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  int fd = static_cast<int>(Integer(Options(info), "fd"));
  struct termios mode;
  if (tcgetattr(fd, &mode) == -1) throw SystemError(env, errno, "tcgetattr");
  Napi::Uint8Array before = Napi::Uint8Array::New(env, sizeof mode);
  std::memcpy(before.Data(), &mode, sizeof mode);
  cfmakeraw(&mode);
  if (tcsetattr(fd, TCSANOW, &mode) == -1) throw SystemError(env, errno, "tcsetattr");
  return before;
}

void RestoreMode(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  Napi::Object options = Options(info);
  int fd = static_cast<int>(Integer(options, "fd"));
  Span bytes = Bytes(options, "mode");
  struct termios mode;
  if (bytes.length != sizeof mode) throw Napi::RangeError::New(env, "mode was not answered by setRawMode");
  std::memcpy(&mode, bytes.data, sizeof mode);
  if (tcsetattr(fd, TCSANOW, &mode) == -1) throw SystemError(env, errno, "tcsetattr");
}

Napi::Value WindowSize(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  struct winsize size;
  if (ioctl(static_cast<int>(Integer(Options(info), "fd")), TIOCGWINSZ, &size) == -1) {
    throw SystemError(env, errno, "TIOCGWINSZ");
  }
  Napi::Object result = Napi::Object::New(env);
  result.Set("columns", Napi::Number::New(env, size.ws_col));
  result.Set("rows", Napi::Number::New(env, size.ws_row));
  return result;
}

void SetWindowSize(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  Napi::Object options = Options(info);
  struct winsize size = Size(env, options);
  if (ioctl(static_cast<int>(Integer(options, "fd")), TIOCSWINSZ, &size) == -1) throw SystemError(env, errno, "TIOCSWINSZ");
}

}  // namespace vkrun
