/* Colours a small picture with the installed library. */
#include <cuhue/cuhue.h>
#include <stdio.h>
#include <string.h>

int main(void) {
  unsigned char grey[16 * 12], color[16 * 12 * 3];
  cuhue_error error = {sizeof error};
  cuhue_engine* engine = NULL;
  cuhue_weights* weights = NULL;
  cuhue_colorizer* colorizer = NULL;
  cuhue_pixels in = {sizeof in}, out = {sizeof out};
  int ok;
  memset(grey, 128, sizeof grey);
  memset(color, 128, sizeof color);
  in.data = grey;
  in.width = 16;
  in.height = 12;
  in.format = CUHUE_GREY8;
  out = in;
  out.data = color;
  out.format = CUHUE_RGB8;
  ok = cuhue_engine_create(NULL, &engine, &error) == CUHUE_OK &&
       cuhue_weights_formula("lite", &weights, &error) == CUHUE_OK &&
       cuhue_colorizer_create(engine, NULL, &weights, 1, &colorizer, &error) == CUHUE_OK &&
       cuhue_colorize(colorizer, &in, &out, 1, NULL, NULL, &error) == CUHUE_OK;
  if (!ok)
    fprintf(stderr, "%s\n", error.message);
  else if (color[0] == color[1] && color[1] == color[2])
    ok = 0, fprintf(stderr, "no colour came out\n");
  else
    printf("cuhue %s on %s: rgb %d %d %d\n", cuhue_version(), cuhue_engine_device(engine), color[0], color[1],
           color[2]);
  cuhue_colorizer_free(colorizer);
  cuhue_weights_free(weights);
  cuhue_engine_free(engine);
  return ok ? 0 : 1;
}
