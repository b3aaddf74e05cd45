/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "options.h"
#include "common/tool.h"

static gboolean
check_options (const TransferOptions * o, GError ** error)
{
  if (!o->model || !o->clips || !o->out)
    return tool_bad_use (error, "--model, --clips and --out are needed "
        "(see --help)");
  if (o->layers < -1)
    return tool_bad_use (error, "--layers must be 0 or more");
  if (o->step < 0 || o->threads < 0)
    return tool_bad_use (error, "--step and --threads must be 0 or more");
  if (!(o->validation > 0.0 && o->validation < 1.0))
    return tool_bad_use (error, "--validation must be above 0 and below 1");
  if (!(o->l2 == -1.0 || (o->l2 > 0.0 && o->l2 < 1e6)))
    return tool_bad_use (error, "--l2 must be above 0");
  return TRUE;
}

gboolean
transfer_options_parse (TransferOptions * o, int *argc, char ***argv,
    GError ** error)
{
  GOptionEntry entries[] = {
    {"model", 'm', 0, G_OPTION_ARG_FILENAME, &o->model,
        "The network to begin with; its .modelinfo beside it is read", "ONNX"},
    {"clips", 'c', 0, G_OPTION_ARG_FILENAME, &o->clips,
        "A folder with a folder of clips for each class", "FOLDER"},
    {"out", 'o', 0, G_OPTION_ARG_FILENAME, &o->out,
          "The new model; .labels.txt and .modelinfo are written beside it",
        "ONNX"},
    {"list", 'l', 0, G_OPTION_ARG_FILENAME, &o->list,
        "Only the clips in this file, CLASS/FILE in each line (as UCF101's "
          "trainlist01.txt)", "FILE"},
    {"layers", 0, 0, G_OPTION_ARG_INT, &o->layers,
        "Put one new layer in the place of the last N fully connected ones "
          "(default: all that end the network, up to three; 0: one, two or three, "
          "as validation goes best)", "N"},
    {"step", 0, 0, G_OPTION_ARG_INT, &o->step,
          "Every N-th frame (default: so that there are some 25 of each clip)",
        "N"},
    {"validation", 0, 0, G_OPTION_ARG_DOUBLE, &o->validation,
        "Share of each class that is not learnt from but validated on "
          "(default: 0.2)", "SHARE"},
    {"seed", 's', 0, G_OPTION_ARG_INT, &o->seed,
        "Of the choice of these clips (default: 1)", "N"},
    {"l2", 0, 0, G_OPTION_ARG_DOUBLE, &o->l2,
        "Penalty of large weights (default: the one with which validation goes "
          "best)", "L2"},
    {"no-refit", 0, 0, G_OPTION_ARG_NONE, &o->no_refit,
          "Do not learn from the validation clips, too, once they have been of use",
        NULL},
    {"skip-unreadable", 0, 0, G_OPTION_ARG_NONE, &o->skip,
        "Go on without clips that cannot be read", NULL},
    {"threads", 0, 0, G_OPTION_ARG_INT, &o->threads,
        "Threads (0: all cores)", "N"},
    {"features", 0, 0, G_OPTION_ARG_FILENAME, &o->features,
          "Also write the features: NAME.npy, and NAME.csv of what its rows are",
        "NAME"},
    {"quiet", 'q', 0, G_OPTION_ARG_NONE, &o->quiet,
        "No progress and no report", NULL},
    {NULL}
  };

  o->validation = 0.2;
  o->seed = 1;
  o->layers = -1;
  o->l2 = -1.0;
  return tool_parse (entries, NULL,
      "Makes a classifier of your own: replaces the last layer of a network and\n"
      "trains it on your clips.  In FOLDER, each folder is a class, and its name\n"
      "the label.  Clips of one person or place are a group if their names say so\n"
      "(v_Walking_g07_c01.avi: g07), and are never on both sides of the\n"
      "validation; other clips stand for themselves.",
      argc, argv, error) && check_options (o, error);
}

void
transfer_options_clear (TransferOptions * o)
{
  g_free (o->model);
  g_free (o->clips);
  g_free (o->out);
  g_free (o->list);
  g_free (o->features);
}
