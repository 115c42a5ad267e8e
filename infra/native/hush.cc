// TensorFlow's libraries write to stderr while they are loaded, before any setting of theirs can be heard.
// hush(path) sends this process's stderr to a file, unhush() brings it back; the caller reads the file.
#include <fcntl.h>
#include <unistd.h>

#include <string>

#include <node_api.h>

static int kept = -1;

static napi_value Hush(napi_env env, napi_callback_info info) {
  napi_value argument = nullptr;
  size_t count = 1, length = 0;
  napi_get_cb_info(env, info, &count, &argument, nullptr, nullptr);
  if (count != 1 || napi_get_value_string_utf8(env, argument, nullptr, 0, &length) != napi_ok) {
    napi_throw_type_error(env, nullptr, "hush(path)");
    return nullptr;
  }
  std::string path(length, '\0');
  napi_get_value_string_utf8(env, argument, &path[0], length + 1, &length);
  int file = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file < 0 || kept >= 0) {
    if (file >= 0) close(file);
    return nullptr;
  }
  kept = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
  if (kept >= 0) dup2(file, STDERR_FILENO);
  close(file);
  return nullptr;
}

static napi_value Unhush(napi_env, napi_callback_info) {
  if (kept < 0) return nullptr;
  dup2(kept, STDERR_FILENO);
  close(kept);
  kept = -1;
  return nullptr;
}

static napi_value Init(napi_env env, napi_value exports) {
  napi_value function = nullptr;
  napi_create_function(env, "hush", NAPI_AUTO_LENGTH, Hush, nullptr, &function);
  napi_set_named_property(env, exports, "hush", function);
  napi_create_function(env, "unhush", NAPI_AUTO_LENGTH, Unhush, nullptr, &function);
  napi_set_named_property(env, exports, "unhush", function);
  return exports;
}

NAPI_MODULE(graft_hush, Init)
